"""Read questions with their right documents from an uploaded file: CSV, JSON lines, or a BEIR folder as ZIP."""

import csv
import gzip
import io
import json
import zipfile
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import IO, Any

from django.utils.translation import gettext as _

MOST_BYTES = 50_000_000  # of a file, and of each of the three in a ZIP
MOST_QUESTIONS = 10_000
MOST_CHARACTERS = 4000  # of a question, as in search.retrieve
NAMES = {  # what a column or key may be called
    "question": ("question", "query", "q"),
    "document": ("document", "file", "file_name", "filename", "path", "name", "title", "source", "doc"),
    "passage": ("passage", "quote", "text", "context", "span"),
    "grade": ("grade", "score", "relevance"),
}


class QuestionFileError(Exception):
    """Why a file cannot be read as questions, as a sentence."""


@dataclass(frozen=True)
class Wanted:
    """A document that answers, by what the file says of it; `passage` is the part of its text that does, or empty.

    `document` is a path, name or title, `title` and `text` what a BEIR corpus has of it.
    """

    document: str
    passage: str = ""
    grade: int = 1
    title: str = ""
    text: str = ""


@dataclass(frozen=True)
class Asked:
    """A question of a file, and where it stands there ("line 3").

    `has_answer` is False where the file has a place for what answers it, which is empty: nothing does.
    """

    question: str
    wanted: tuple[Wanted, ...]
    place: str
    has_answer: bool = True


@dataclass(frozen=True)
class Read:
    """What a file holds: questions, and sentences about what of it cannot be used."""

    asked: tuple[Asked, ...]
    faults: tuple[str, ...]


def read(file: IO[bytes], name: str) -> Read:
    """The questions of a file, which is judged by what is in it. Raises QuestionFileError."""
    content = file.read(MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        raise QuestionFileError(_("This file is larger than %(n)d MB.") % {"n": MOST_BYTES // 1_000_000})
    if content.startswith(b"PK\x03\x04"):
        rows, faults = _beir(content)
    else:
        text = _decoded(content)
        looks_json = text.lstrip()[:1] in ("{", "[")
        rows, faults = _json(text) if looks_json else _csv(text)
    asked = _together(rows)
    if not asked:
        raise QuestionFileError(" ".join([_("There is no question in “%(name)s”.") % {"name": name}, *faults[:1]]))
    if len(asked) > MOST_QUESTIONS:
        raise QuestionFileError(_("More than %(n)d questions are too many for one set.") % {"n": MOST_QUESTIONS})
    return Read(tuple(asked), tuple(faults))


def _decoded(content: bytes) -> str:
    for encoding in ("utf-8-sig", "utf-16") if content[:2] in (b"\xff\xfe", b"\xfe\xff") else ("utf-8-sig",):
        try:
            return content.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise QuestionFileError(_("This file is not UTF-8 text. Save it as CSV or JSON lines in UTF-8."))


def _together(rows: list[Asked]) -> list[Asked]:
    """Rows with the same question are one question with several documents; it has an answer if one of them says so."""
    found: dict[str, Asked] = {}
    for row in rows:
        before = found.get(row.question, row)
        wanted = tuple(dict.fromkeys((*before.wanted, *row.wanted)))
        found[row.question] = Asked(row.question, wanted, before.place, before.has_answer or row.has_answer)
    return list(found.values())


def _csv(text: str) -> tuple[list[Asked], list[str]]:
    try:
        dialect: Any = csv.Sniffer().sniff(text[:20_000], ",;\t")
    except csv.Error:
        dialect = csv.excel
    csv.field_size_limit(1_000_000)
    reader = csv.DictReader(io.StringIO(text), dialect=dialect, restkey="", restval="")
    columns = {(column or "").strip().lower() for column in reader.fieldnames or []}
    if not columns.intersection(NAMES["question"]):
        raise QuestionFileError(
            _("The first line names no column “question”. Wanted are: question, document, passage, grade.")
        )
    try:
        return _rows((f"{reader.line_num}", row) for row in reader)
    except csv.Error as error:
        raise QuestionFileError(_("Line %(n)d cannot be read: %(error)s") % {
            "n": reader.line_num, "error": error}) from error  # fmt: skip


def _json(text: str) -> tuple[list[Asked], list[str]]:
    """Lines of objects, or one list of them."""
    if text.lstrip().startswith("["):
        try:
            return _rows((str(number), row) for number, row in enumerate(json.loads(text), 1))
        except ValueError as error:
            raise QuestionFileError(_("This is no valid JSON: %(error)s") % {"error": error}) from error
    return _rows((str(number), _object(line)) for number, line in enumerate(text.splitlines(), 1) if line.strip())


def _object(line: str) -> Any:
    try:
        return json.loads(line)
    except ValueError:
        return None


def _rows(rows: Iterator[tuple[str, Any]]) -> tuple[list[Asked], list[str]]:
    asked, faults = [], []
    for number, row in rows:
        place = _("Line %(n)s") % {"n": number}
        if not isinstance(row, dict):
            faults.append(_("%(place)s is no JSON object.") % {"place": place})
            continue
        question = _value(row, "question")[:MOST_CHARACTERS]
        if question:
            wanted = tuple(_wanted(row))
            asked.append(Asked(question, wanted, place, has_answer=bool(wanted) or not _has_place(row)))
        elif any(_said(value) for value in row.values()):
            faults.append(_("%(place)s has no question.") % {"place": place})
    return asked, faults


def _has_place(row: dict) -> bool:
    """Whether it could say what answers the question."""
    names = {str(key).strip().lower() for key in row}
    return bool(names.intersection(("relevant", *NAMES["document"], *NAMES["passage"])))


def _wanted(row: dict) -> Iterator[Wanted]:
    """Of a row with one document, or with a list of them under "relevant"."""
    several = row.get("relevant")
    for one in several if isinstance(several, list) else [row]:
        one = one if isinstance(one, dict) else {"document": one}
        document, passage = _value(one, "document"), _value(one, "passage")
        if document or passage:
            yield Wanted(document, passage, _grade(_value(one, "grade")), title=_said(one.get("title")))


def _value(row: dict, name: str) -> str:
    """What the row says under any of the names."""
    lowered = {str(key).strip().lower(): value for key, value in row.items()}
    return next((said for key in NAMES[name] if (said := _said(lowered.get(key)))), "")


def _said(value: Any) -> str:
    return value.replace("\x00", "").strip() if isinstance(value, str) else "" if value is None else str(value).strip()


def _grade(said: str) -> int:
    """Whole, from 0 (no answer) to 10; 1 where nothing is said."""
    try:
        return min(10, max(0, round(float(said)))) if said else 1
    except (ValueError, OverflowError):
        return 1


def _beir(content: bytes) -> tuple[list[Asked], list[str]]:
    """corpus.jsonl, queries.jsonl and qrels.tsv (or qrels/test.tsv), each perhaps gzipped, in whichever folder."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            parts = {part: _part(archive, part) for part in ("corpus.jsonl", "queries.jsonl", "qrels")}
    except (zipfile.BadZipFile, OSError, EOFError, RuntimeError) as error:
        raise QuestionFileError(_("This ZIP cannot be read: %(error)s") % {"error": error}) from error
    corpus = {str(row.get("_id")): row for row in _objects(parts["corpus.jsonl"])}
    queries = {str(row.get("_id")): _said(row.get("text")) for row in _objects(parts["queries.jsonl"])}
    return _judged(parts["qrels"], queries, corpus)


def _part(archive: zipfile.ZipFile, part: str) -> str:
    fitting = sorted(name for name in archive.namelist() if _is_part(PurePosixPath(name), part))
    if not fitting:
        raise QuestionFileError(_("There is no %(part)s in this ZIP.") % {"part": part})
    chosen = next((name for name in fitting if "test" in name), fitting[0])
    with archive.open(chosen) as packed:
        file = gzip.GzipFile(fileobj=packed) if chosen.endswith(".gz") else packed
        content = file.read(MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        raise QuestionFileError(_("%(part)s is larger than %(n)d MB.") % {
            "part": chosen, "n": MOST_BYTES // 1_000_000})  # fmt: skip
    return _decoded(content)


def _is_part(path: PurePosixPath, part: str) -> bool:
    name = path.name.removesuffix(".gz")
    return name == part or (part == "qrels" and path.suffix != "" and name.endswith(".tsv") and "qrels" in str(path))


def _objects(text: str) -> Iterator[dict]:
    return (row for line in text.splitlines() if isinstance(row := _object(line), dict))


def _judged(qrels: str, queries: dict[str, str], corpus: dict[str, dict]) -> tuple[list[Asked], list[str]]:
    wanted: defaultdict[str, list[Wanted]] = defaultdict(list)
    faults = []
    for number, line in enumerate(qrels.splitlines(), 1):
        cells = line.split("\t")
        if len(cells) < 3 or (number == 1 and not cells[-1].strip().lstrip("-").isdigit()):
            continue
        query, document, grade = cells[0], cells[-2], _grade(cells[-1])
        if query not in queries:
            faults.append(_("Line %(n)d of the judgements names the unknown question %(id)s.") % {
                "n": number, "id": query})  # fmt: skip
        elif grade:
            row = corpus.get(document, {})
            title, text = _said(row.get("title")), _said(row.get("text"))
            wanted[query].append(Wanted(document, grade=grade, title=title, text=text))
    rows = [
        Asked(text[:MOST_CHARACTERS], tuple(wanted[query]), _("Question %(id)s") % {"id": query})
        for query, text in queries.items()
        if text and query in wanted
    ]
    return rows, faults
