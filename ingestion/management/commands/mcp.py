"""Speak MCP on standard input and output, for a program on this machine."""

import asyncio
from pathlib import Path

from django.core.management.base import BaseCommand, CommandError, CommandParser

from kb.api_errors import ApiError
from kb.api_keys import user_of
from kb.env import env
from kb.models import User


class Command(BaseCommand):
    help = (
        "A Model Context Protocol server on standard input and output. It acts for the person whose API key is in the "
        "file --key-file, or in KB_MCP_KEY."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--key-file", type=Path, help="A file that holds an API key and nothing else.")

    def handle(self, *, key_file: Path | None, **options) -> None:
        secret = _secret(key_file)
        self._must_be_known(secret)
        asyncio.run(_serve(secret))

    def _must_be_known(self, secret: str) -> None:
        try:
            _person(secret)
        except ApiError as error:
            raise CommandError(error.message) from error


def _secret(key_file: Path | None) -> str:
    """Raises CommandError where there is none."""
    try:
        secret = key_file.read_text(encoding="utf-8").strip() if key_file else env("KB_MCP_KEY")
    except (OSError, UnicodeDecodeError) as error:
        raise CommandError(f"The key file cannot be read: {error}") from error
    if not secret:
        raise CommandError("Name a file that holds an API key with --key-file, or set KB_MCP_KEY.")
    return secret


def _person(secret: str) -> User:
    """Each call counts, and a key that was revoked meanwhile opens nothing. Raises ApiError."""
    person = user_of(secret)
    if person is None:
        raise ApiError(401, "This API key is not known, or it was revoked.")
    return person


async def _serve(secret: str) -> None:
    from mcp.server.stdio import stdio_server

    from ingestion.mcp.server import make_server

    server = make_server(lambda ctx: lambda: _person(secret))
    async with stdio_server() as (incoming, outgoing):
        await server.run(incoming, outgoing, server.create_initialization_options())
