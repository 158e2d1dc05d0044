"""Tell whether a service of this host was heard of lately: `manage.py alive parse`, for health checks."""

import socket

from django.core.management import BaseCommand, CommandError

from kb import beats


class Command(BaseCommand):
    help = "Exits with 0 when a process of this kind on this host said lately that it is alive, else with 1."
    requires_system_checks = ()

    def add_arguments(self, parser) -> None:
        parser.add_argument("kind", help="parse, embed or reconciler")

    def handle(self, *, kind: str, **options) -> None:
        here = f"{kind}@{socket.gethostname()}:"
        if not any(beat.name.startswith(here) for beat in beats.alive(kind)):
            raise CommandError(f"No {kind} process of this host was heard of lately.")
