"""Which key a model server gets: the one that is meant for it, and no other."""

import re
from urllib.parse import urlsplit

from django.conf import settings

from kb.env import env

EMBEDDING, RERANKING = "KB_EMBEDDING_API_KEY", "KB_RERANK_API_KEY"  # each also with _ and a name
NAME = r"(_[A-Z0-9_]*[A-Z0-9](?<!_FILE))?"
PORTS = {"http": 80, "https": 443}


def key_for(url: str, variable: str = "") -> str:
    """The key of an embedding server, from the variable that a preset names for it.

    Where none is named, KB_EMBEDDING_API_KEY, which is for the server at KB_EMBEDDING_URL alone; '' for any other.
    """
    if variable:
        return named_key(variable, EMBEDDING)
    own = settings.KB_EMBEDDING_URL
    return env(EMBEDDING) if own and origin_of(url) == origin_of(own) else ""


def named_key(variable: str, kind: str) -> str:
    """The content of a variable with a key of this kind, or of the file that NAME_FILE points to; '' for any other."""
    return env(variable) if is_key(variable, kind) else ""


def is_key(variable: str, kind: str) -> bool:
    """Whether it is a name for such a key: whoever writes presets is shown no other part of the environment by it."""
    return re.fullmatch(kind + NAME, variable) is not None


def origin_of(url: str) -> tuple[str, str, int | None]:
    """What a key belongs to: scheme, machine and port."""
    parts = urlsplit(url)
    return parts.scheme, parts.hostname or "", parts.port or PORTS.get(parts.scheme)
