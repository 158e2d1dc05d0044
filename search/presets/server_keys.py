"""Which key an embedding server gets: the one that is meant for it, and no other."""

import re
from urllib.parse import urlsplit

from django.conf import settings

from kb.env import env

NAMES = re.compile(r"KB_EMBEDDING_API_KEY(_[A-Z0-9_]*[A-Z0-9](?<!_FILE))?")
PORTS = {"http": 80, "https": 443}


def key_for(url: str, variable: str = "") -> str:
    """The content of the variable that a preset names for its server, or of the file that NAME_FILE points to.

    Where none is named, KB_EMBEDDING_API_KEY, which is for the server at KB_EMBEDDING_URL alone; '' for any other.
    """
    if variable:
        return env(variable) if is_key(variable) else ""
    own = settings.KB_EMBEDDING_URL
    return env("KB_EMBEDDING_API_KEY") if own and origin_of(url) == origin_of(own) else ""


def is_key(variable: str) -> bool:
    """Whether it is a name for such a key: whoever writes presets is shown no other part of the environment by it."""
    return NAMES.fullmatch(variable) is not None


def origin_of(url: str) -> tuple[str, str, int | None]:
    """What a key belongs to: scheme, machine and port."""
    parts = urlsplit(url)
    return parts.scheme, parts.hostname or "", parts.port or PORTS.get(parts.scheme)
