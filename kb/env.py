"""Read settings from the environment, strictly."""

import os
from pathlib import Path
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured

TRUE = frozenset({"1", "true", "yes", "on"})
FALSE = frozenset({"0", "false", "no", "off", ""})


def env(name: str, default: str = "") -> str:
    """The text of NAME, or the content of the file that NAME_FILE points to (for secrets).

    An empty NAME counts as unset. Raises ImproperlyConfigured if NAME_FILE cannot be read.
    """
    file = os.environ.get(f"{name}_FILE")
    if file:
        try:
            return Path(file).read_text(encoding="utf-8").strip()
        except OSError as error:
            raise ImproperlyConfigured(f"{name}_FILE={file}: {error.strerror}.") from error
    return os.environ.get(name) or default


def env_bool(name: str, default: bool = False) -> bool:
    """True for 1/true/yes/on, False for 0/false/no/off; anything else is refused."""
    text = env(name, str(default)).strip().lower()
    if text in TRUE:
        return True
    if text in FALSE:
        return False
    raise ImproperlyConfigured(f"{name} must be yes or no, not {text!r}.")


def env_int(name: str, default: int, minimum: int | None = None) -> int:
    """A whole number, at least `minimum`; anything else is refused."""
    text = env(name, str(default))
    try:
        number = int(text)
    except ValueError:
        raise ImproperlyConfigured(f"{name} must be a whole number, not {text!r}.") from None
    if minimum is not None and number < minimum:
        raise ImproperlyConfigured(f"{name} must be at least {minimum}, not {number}.")
    return number


def env_list(name: str, default: str = "") -> list[str]:
    """A comma-separated list, without empty parts."""
    return [part.strip() for part in env(name, default).split(",") if part.strip()]


def env_choice(name: str, choices: tuple[str, ...], default: str) -> str:
    """One of `choices`; anything else is refused."""
    text = env(name, default)
    if text not in choices:
        raise ImproperlyConfigured(f"{name} must be one of {', '.join(choices)}, not {text!r}.")
    return text


def env_url(name: str, default: str = "") -> str:
    """An http(s) address without a trailing slash, or ''."""
    text = env(name, default).rstrip("/")
    if text and urlsplit(text).scheme not in ("http", "https"):
        raise ImproperlyConfigured(f"{name} must begin with http:// or https://, not {text!r}.")
    return text
