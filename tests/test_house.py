"""The repository keeps its own rules: small files, nothing left to do, nothing loaded from elsewhere."""

import re
import sys
import tomllib
from importlib.metadata import packages_distributions

import pytest
from django.core.management import call_command

from tests.test_imports import ROOT, files, imported

LONGEST = 300
PARTS = ("kb", "search", "ingestion", "benchmarks", "templates", "static", "tests")
KINDS = {".py", ".html", ".css", ".js", ".svg"}
NAMESPACES = ("http://www.w3.org/2000/svg",)  # names, which nobody loads


def written() -> dict[str, str]:
    """Path -> text of what is written by hand."""
    found = [file for part in PARTS for file in (ROOT / part).rglob("*") if file.suffix in KINDS]
    return {
        str(file.relative_to(ROOT)): file.read_text(encoding="utf-8") for file in found if "samples" not in file.parts
    }


def test_files_stay_short_enough_to_be_read():
    lines = {path: text.count("\n") for path, text in written().items() if path.endswith(".py")}
    long = {path: n for path, n in lines.items() if n > LONGEST}
    assert [path for path in long if not path.startswith("tests/") and "/migrations/" not in path] == []


def test_nothing_is_left_to_be_done():
    left = re.compile(r"\b(TO" r"DO|FIX" r"ME|XX" r"X)\b|raise NotImplemented" r"Error")
    assert {path: found[0] for path, text in written().items() if (found := left.search(text))} == {}


def test_every_python_file_says_first_why_it_exists():
    silent = [path for path, text in written().items() if path.endswith(".py") and text and not text.startswith('"""')]
    assert [path for path in silent if "/migrations/" not in path] == []


def test_pages_load_nothing_from_elsewhere():
    addresses = re.compile(r"(?:https?:)?//[a-z0-9-]+\.[a-z0-9./-]+", re.IGNORECASE)
    shipped = {path: text for path, text in written().items() if path.startswith(("templates/", "static/"))}
    found = {path: set(addresses.findall(text)) - set(NAMESPACES) for path, text in shipped.items()}
    assert {path: each for path, each in found.items() if each} == {}


@pytest.mark.django_db
def test_the_migrations_say_what_the_models_say(capsys):
    call_command("makemigrations", check=True, dry_run=True, verbosity=1)
    assert "No changes detected" in capsys.readouterr().out


def test_every_package_that_is_imported_is_asked_for():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    asked = {_bare(line) for line in project["dependencies"]}
    homes = packages_distributions()
    modules = {module.split(".")[0] for file in files() for module in imported(file)}
    foreign = modules - set(sys.stdlib_module_names) - {"kb", "search", "ingestion", ""}
    assert {module for module in foreign if not {_bare(home) for home in homes.get(module, [])} & asked} == set()


def _bare(requirement: str) -> str:
    """`Pillow>=11` -> `pillow`"""
    return re.split(r"[^A-Za-z0-9._-]", requirement)[0].lower().replace("_", "-")
