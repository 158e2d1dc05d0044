"""Sets whose answers' places in long documents are known: short texts that belong together are joined to one."""

from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

from benchmarks.beir import QuestionSet, read_set, rows_of

EVERYTHING = 10**9
WHOLE = 2_000  # characters of a text beyond which it is a document by itself
IDS = ("xquad_",)  # sets in which the ids, not the titles, say what belongs together: en-00-3 is of en-00


@dataclass(frozen=True)
class Quoted:
    """A set and, of each question, the (text, answer in it) that answer it; a text stands in a document as it is."""

    questions: QuestionSet
    quotes: dict[str, list[tuple[str, str]]]


def read_quoted(folder: Path, *, most_questions: int) -> Quoted:
    """The set with its texts joined by what they belong to, and the questions whose answers stand in a text."""
    whole = read_set(folder, most_documents=EVERYTHING, most_questions=most_questions)
    answers = {row["_id"]: [str(one) for one in row.get("answers") or []] for row in rows_of(folder / "answers.jsonl")}
    groups: dict[str, list[str]] = defaultdict(list)
    for key, (title, text) in whole.documents.items():
        groups[_group(folder.name, key, title, text)].append(key)
    quotes = {key: _quotes(whole, key, answers.get(key, [])) for key in whole.questions}
    of = {key: group for group, keys in groups.items() for key in keys}
    kept = {key: text for key, text in whole.questions.items() if quotes[key]}
    joined = QuestionSet(
        f"{whole.name} joined" if len(groups) < len(whole.documents) else whole.name,
        {group: (_title(whole, keys), "\n\n".join(whole.documents[key][1] for key in keys))
         for group, keys in groups.items()},
        kept,
        {key: {of[one]: 1 for one in whole.relevant[key]} for key in kept},
    )  # fmt: skip
    return Quoted(joined, {key: quotes[key] for key in kept})


def _group(name: str, key: str, title: str, text: str) -> str:
    if len(text) > WHOLE:
        return key
    return key.rsplit("-", 1)[0] if name.startswith(IDS) else title or key


def _title(whole: QuestionSet, keys: list[str]) -> str:
    return whole.documents[keys[0]][0]


def _quotes(whole: QuestionSet, question: str, answers: list[str]) -> list[tuple[str, str]]:
    texts = [whole.documents[key][1] for key in whole.relevant[question] if key in whole.documents]
    return [(text, answer) for text in texts for answer in answers if answer and answer in text]
