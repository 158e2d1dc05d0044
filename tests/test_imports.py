"""Imports point one way, and what is pure stays pure."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
LAYERS = ["kb", "search", "ingestion"]  # each may import itself and what stands before it
COMPOSITION = {"kb/urls.py", "kb/settings.py", "kb/celery.py"}  # where the parts are put together

# No Django, no engine, no other module of ours that has them: their tests need no database.
PURE = [
    "ingestion/chunk.py",
    "ingestion/cut.py",
    "kb/language.py",
    "search/abstain.py",
    "search/answerable.py",
    "search/chat/citing.py",
    "search/chat/gate.py",
    "search/choose.py",
    "search/cite.py",
    "search/organising/classify.py",
    "search/organising/cluster.py",
    "search/compose.py",
    "search/derive.py",
    "search/evaluation/fit.py",
    "search/follow_up.py",
    "search/fuse.py",
    "search/organising/judge.py",
    "search/keywords/tokens.py",
    "search/evaluation/neutral_questions.py",
    "search/passage.py",
    "search/organising/resemble.py",
    "search/sentences.py",
    "search/organising/telling.py",
    "search/terms.py",
    "search/organising/versions.py",
]
IMPURE = {
    "django", "celery", "chromadb", "tantivy", "torch", "sentence_transformers", "unstructured", "pypdfium2", "redis",
    "httpx",
}  # fmt: skip

# Tests put others in their place. A module that names them when it is imported, and is first imported meanwhile, would
# go on with a test's own for as long as the process lives.
REPLACED = {f"search.lane.{name}" for name in ("embed_query", "embed_texts", "embed_instructed", "forget")}


def files() -> list[str]:
    return sorted(
        str(path.relative_to(ROOT))
        for layer in LAYERS
        for path in (ROOT / layer).rglob("*.py")
        if "migrations" not in path.parts
    )


def imported(file: str) -> set[str]:
    """The modules that a file imports, anywhere in it."""
    found = set()
    for node in ast.walk(ast.parse((ROOT / file).read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found |= {node.module or "", *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


@pytest.mark.parametrize("file", files())
def test_imports_point_one_way(file):
    if file in COMPOSITION:
        return
    layer = file.split("/")[0]
    above = set(LAYERS[LAYERS.index(layer) + 1 :])
    assert not {module for module in imported(file) if module.split(".")[0] in above}


@pytest.mark.parametrize("file", files())
def test_a_module_says_first_why_it_exists(file):
    tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
    first = (ast.get_docstring(tree) or "").split("\n")[0]
    assert first or not tree.body


@pytest.mark.parametrize("file", files())
def test_what_tests_replace_is_looked_up_when_it_is_used(file):
    assert not imported(file) & REPLACED


@pytest.mark.parametrize("file", PURE)
def test_what_is_pure_imports_neither_django_nor_an_engine(file):
    seen, waiting = set(), [file]
    while waiting:
        current = waiting.pop()
        seen.add(current)
        modules = imported(current)
        assert not {module.split(".")[0] for module in modules} & IMPURE, current
        ours = {module.replace(".", "/") for module in modules if module.split(".")[0] in LAYERS}
        waiting += [f for name in ours for f in (f"{name}.py", f"{name}/__init__.py") if f in files() and f not in seen]
