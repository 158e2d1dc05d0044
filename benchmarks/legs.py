"""What both ways of searching found for a set's questions, kept in a file, so that fusion can be tried in seconds."""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.beir import QuestionSet

DEPTH = 100


@dataclass(frozen=True)
class Asked:
    """A question, how relevant which document is, and (document, chunk, score) of each leg, best first.

    `coverage` is the share of the question that the embedding model can read; `look` what search.trust sees of it,
    where both legs found something.
    """

    text: str
    relevant: dict[str, int]
    coverage: float
    near: list[tuple[str, int, float]]
    hits: list[tuple[str, int, float]]
    look: dict[str, float] | None = None


def legs_of(questions: QuestionSet, folder: Path) -> list[Asked]:
    """Out of the folder, or asked now of the set's knowledge base, which must be in this Lectern."""
    file = folder / f"{questions.name}.json"
    if not file.exists():
        folder.mkdir(parents=True, exist_ok=True)
        rows = [asdict(asked) for asked in _ask(questions)]
        file.write_text(json.dumps({"name": questions.name, "rows": rows}), encoding="utf-8")
    return read(file)


def read(file: Path) -> list[Asked]:
    rows = json.loads(file.read_text(encoding="utf-8"))["rows"]
    return [Asked(**{name: row[name] for name in Asked.__dataclass_fields__}) for row in rows]


def _ask(questions: QuestionSet) -> Iterator[Asked]:
    from benchmarks.shelf import shelve
    from kb.models import Chunk
    from search.coverage import coverage
    from search.generations.current import serving_index
    from search.keywords import open_keywords
    from search.nearest import nearest_chunks
    from search.trust import look_at

    index = serving_index(shelve(questions))
    named = Chunk.objects.filter(document__knowledge_base=index.knowledge_base_id)
    documents = {
        pk: name + folder for pk, name, folder in named.values_list("pk", "document__name", "document__folder")
    }
    loaded = named.select_related("document").in_bulk()
    for key, text in questions.questions.items():
        near = nearest_chunks(text, [index], DEPTH).neighbours
        hits = open_keywords().best(text, indexes=[index.pk], limit=DEPTH)
        look = asdict(look_at(text, near, hits, loaded, [index])) if near and hits else None
        yield Asked(
            text, questions.relevant[key], coverage(index.preset, text),
            [(documents[one.chunk_id], one.chunk_id, one.similarity) for one in near],
            [(documents[one.chunk_id], one.chunk_id, one.score) for one in hits], look,
        )  # fmt: skip
