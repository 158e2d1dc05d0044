"""Give saved questions out as a file: JSON lines, or a BEIR folder."""

import io
import json
import zipfile
from collections.abc import Iterable, Iterator
from typing import IO

from kb.models import Document, KnowledgeBase
from search.evaluation.relevance import text_of
from search.models import QuestionSet, Relevant


def as_jsonl(question_set: QuestionSet) -> Iterator[str]:
    """A line a question, as `import_file` reads it."""
    questions = question_set.questions.order_by("pk").prefetch_related("relevant__document")
    for question in questions.iterator(500):
        relevant = [_row(one) for one in question.relevant.all() if one.document.deleted_at is None]
        row: dict = {"question": question.text}
        if relevant or not question.has_answer:
            row["relevant"] = relevant
        yield json.dumps(row, ensure_ascii=False) + "\n"


def _row(relevant: Relevant) -> dict:
    document = relevant.document
    row = {"document": path_of(document), "title": document.title, "grade": relevant.grade}
    return {**row, "passage": relevant.quote} if relevant.start is not None else row


def path_of(document: Document) -> str:
    """The folder and the file name that a document was uploaded as."""
    return f"{document.folder}/{document.name}".lstrip("/")


def write_beir(question_set: QuestionSet, file: IO[bytes]) -> None:
    """corpus.jsonl with every document of the knowledge base, queries.jsonl and qrels.tsv, as a ZIP."""
    relevant = Relevant.objects.filter(question__question_set=question_set, document__deleted_at=None)
    best: dict[tuple[int, str], int] = {}
    for question, document, grade in relevant.values_list("question", "document", "grade"):
        best[question, str(document)] = max(grade, best.get((question, str(document)), 0))
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        queries = ({"_id": str(pk), "text": text} for pk, text in question_set.questions.values_list("pk", "text"))
        _write(archive, "queries.jsonl", (json.dumps(row, ensure_ascii=False) for row in queries))
        rows = (f"{question}\t{document}\t{grade}" for (question, document), grade in sorted(best.items()))
        _write(archive, "qrels.tsv", ("query-id\tcorpus-id\tscore", *rows))
        _write(archive, "corpus.jsonl", _corpus(question_set.knowledge_base))


def _corpus(knowledge_base: KnowledgeBase) -> Iterator[str]:
    for document in Document.objects.filter(knowledge_base=knowledge_base, deleted_at=None).order_by("pk").iterator():
        row = {"_id": str(document.pk), "title": document.title, "text": text_of(document.pk)}
        yield json.dumps({**row, "metadata": {"path": path_of(document)}}, ensure_ascii=False)


def _write(archive: zipfile.ZipFile, name: str, lines: Iterable[str]) -> None:
    with archive.open(name, "w") as raw, io.TextIOWrapper(raw, encoding="utf-8", newline="\n") as out:
        out.writelines(f"{line}\n" for line in lines)
