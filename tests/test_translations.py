"""Everything that people read is there in Chinese too. Needs no gettext: Babel reads the catalogue.

When a string is new or changed: `python manage.py makemessages -l zh_Hans --no-location -i .venv -i tests -i var`,
translate it in locale/zh_Hans/LC_MESSAGES/django.po, then `python manage.py compilemessages -i .venv`.
"""

import re
from io import BytesIO

import pytest
from babel.messages.extract import extract
from babel.messages.mofile import read_mo
from babel.messages.pofile import read_po
from django.conf import settings
from django.utils.translation.template import templatize

FOLDER = settings.BASE_DIR / "locale" / "zh_Hans" / "LC_MESSAGES"
KEYWORDS = {
    name: spec
    for names, spec in (
        (("_", "gettext", "gettext_lazy", "gettext_noop"), None),
        (("ngettext", "ngettext_lazy"), (1, 2)),
        (("pgettext", "pgettext_lazy"), ((1, "c"), 2)),
    )
    for name in names
}
PLACEHOLDER = re.compile(r"%?%\(\w+\)[sd]|\{\w+\}|</?\w+>")


@pytest.fixture(scope="module")
def catalogue():
    with (FOLDER / "django.po").open("rb") as file:
        return read_po(file, locale="zh_Hans")


def singular(message_id) -> str:
    return message_id[0] if isinstance(message_id, tuple | list) else message_id


def plural(message_id) -> str:
    """Chinese has one form, for any number: the one that stands for the English plural."""
    return message_id[1] if isinstance(message_id, tuple | list) else message_id


def key(message) -> tuple[str | None, str]:
    context = message.context  # in bytes where Babel has it from a compiled catalogue
    return context.decode() if isinstance(context, bytes) else context, singular(message.id)


def strings_of(message) -> tuple[str, ...]:
    return tuple(message.string) if isinstance(message.string, tuple | list) else (message.string,)


def written() -> dict[str, str]:
    """Every string that is marked for translation in code and templates, with the file it stands in."""
    found = {}
    for app in ("kb", "search", "ingestion"):
        for path in (settings.BASE_DIR / app).rglob("*.py"):
            if "migrations" not in path.parts:
                found |= dict.fromkeys(_extracted(path.read_bytes()), path.name)
    for path in (settings.BASE_DIR / "templates").rglob("*.html"):
        code = templatize(path.read_text(encoding="utf-8"), origin=str(path))
        flat = "\n".join(line.strip() for line in code.splitlines())  # its indentation is HTML's, not Python's
        found |= dict.fromkeys(_extracted(flat.encode()), path.name)
    return found


def _extracted(code: bytes) -> list[str]:
    options = {"encoding": "utf-8"}
    return [singular(ids) for _line, ids, *_ in extract("python", BytesIO(code), KEYWORDS, options=options)]


def test_every_string_is_translated(catalogue):
    wanting = [message.id for message in catalogue if message.id and (message.fuzzy or not all(strings_of(message)))]
    assert wanting == []


def test_every_string_that_is_written_is_in_the_catalogue(catalogue):
    known = {singular(message.id) for message in catalogue}
    wanting = {text: file for text, file in written().items() if text and text not in known}
    assert wanting == {}


def test_placeholders_survive_the_translation(catalogue):
    for message in catalogue:
        for text in strings_of(message) if message.id else ():
            assert set(PLACEHOLDER.findall(text)) == set(PLACEHOLDER.findall(plural(message.id))), message.id


def test_what_is_compiled_is_what_is_written(catalogue):
    with (FOLDER / "django.mo").open("rb") as file:
        compiled = {key(message): strings_of(message) for message in read_mo(file) if message.id}
    assert compiled == {key(message): strings_of(message) for message in catalogue if message.id}
