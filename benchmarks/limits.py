"""What limits of answering that are fitted to a knowledge base gain over the usual ones, on questions they never saw.

    python -m benchmarks.limits FOLDER SET [SET ...] [--documents N] [--questions N] [--data FOLDER] [--signs FOLDER]

FOLDER holds sets in BEIR's layout. Each becomes a knowledge base (--data is that of benchmarks.quality) and is asked
its own questions, the everyday ones that are shipped, and those of the other sets in its script. The signs are kept in
the folder of --signs; a set that is there is not asked again. Then, 200 times, limits are fitted to half of its own
questions and the everyday ones, and measured on the other half and the other sets' questions. Prints two tables: what
the limits do, and how that depends on the number of questions.
"""

import argparse
import json
import random
import statistics
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from benchmarks.beir import QuestionSet, read_set
from benchmarks.quality import lectern

SPLITS = 200
FOREIGN = 100  # questions of other sets
FEW = (20, 40, 80)  # of its own, that limits are fitted to
Rows = dict[str, list[dict]]  # "own", "everyday", "foreign" -> search.evaluation.fit.Observed as dicts


def asked(own: QuestionSet, others: Sequence[QuestionSet], knowledge_base) -> Rows:
    """The signs of all questions; of its own those whose right documents were found."""
    from search.evaluation.neutral_questions import CHINESE, ENGLISH
    from search.terms import is_cjk

    script = statistics.mode(map(is_cjk, own.questions.values()))
    foreign = [text for other in others for text in _drawn(other, len(others)) if is_cjk(text) == script]
    everyday = CHINESE if script else ENGLISH
    return {
        "own": list(_observed(own.questions.items(), knowledge_base, own.relevant)),
        "everyday": list(_observed((("", text) for text in everyday), knowledge_base)),
        "foreign": list(_observed((("", text) for text in foreign), knowledge_base)),
    }


def _drawn(other: QuestionSet, number: int) -> list[str]:
    texts = sorted(other.questions.values())
    return random.Random(7).sample(texts, min(len(texts), 2 * FOREIGN // number))


def _observed(questions: Iterable[tuple[str, str]], knowledge_base, relevant: dict | None = None) -> Iterator[dict]:
    """Those of its own whose right documents are found, or all where none is right."""
    from search.evaluation.foreign import signs_row
    from search.models import Index
    from search.retrieve import retrieve
    from search.signs import JUDGED

    serving = Index.objects.filter(knowledge_base=knowledge_base, state=Index.State.SERVING)
    index = serving.select_related("preset").get()
    rows = knowledge_base.documents.values_list("pk", "name", "folder")
    keys = {pk: name + folder for pk, name, folder in rows}  # as benchmarks.shelf put the set's own ids there
    for key, text in questions:
        by_chat, by_words = (
            retrieve(text, knowledge_bases=[knowledge_base], mode=mode, limit=JUDGED).passages
            for mode in ("hybrid", "keyword")
        )
        found = {keys[pk] for one in by_chat for pk in (one.document_id, *(t.document_id for t in one.also_in))}
        if relevant is None or found & set(relevant[key]):
            signs = signs_row(text, by_chat, by_words, index)
            by_words_alone = signs.pop("by_words")
            yield {"signs": signs, "by_words": by_words_alone, "is_answerable": relevant is not None}


def measured(rows: Rows, number: int | None = None) -> Iterator[dict]:
    """For each kind of signs that most of its own questions have: what usual and fitted limits do to unseen ones.

    Fitted to half of its own questions, or to `number` of them, and the everyday ones; "marked" to half of the foreign
    ones as well, as if people had marked them. Measured is the other half of both.
    """
    from search.answerable import KINDS, USUAL
    from search.evaluation.fit import cost_at, fit, strengths

    everyday, dice = _read(rows["everyday"]), random.Random(7)
    for kind in KINDS:
        own, foreign = (_of_kind(rows[name], kind) for name in ("own", "foreign"))
        if len(own) < len(rows["own"]) / 2:
            continue
        outcomes = []
        for _ in range(SPLITS):
            dice.shuffle(own)
            dice.shuffle(foreign)
            cut, half = min(number or len(own), len(own) // 2), len(foreign) // 2
            unseen = strengths([*own[cut:], *foreign[half:]], kind)
            fitted = fit([*own[:cut], *everyday])
            limits = {"usual": USUAL, "fitted": fitted, "marked": fit([*own[:cut], *everyday, *foreign[:half]])}
            costs = {name: cost_at(*unseen, getattr(one, kind)) for name, one in limits.items()}
            outcomes.append((getattr(fitted, kind), costs))
        yield {"kind": kind, "own": len(own), "foreign": len(foreign), **_summed(outcomes)}


def _of_kind(rows: list[dict], kind) -> list:
    return [one for one in _read(rows) if one.strength(kind) is not None]


def _read(rows: list[dict]) -> list:
    from search.answerable import Signs
    from search.evaluation.fit import Observed

    return [Observed(**{**row, "signs": Signs(**row["signs"])}) for row in rows]


def _summed(outcomes: list[tuple[float, dict]]) -> dict[str, float]:
    """Shares of the unseen questions, over all splits, and the limit."""
    limits, costs = zip(*outcomes, strict=True)
    shares = {
        f"{part} {name}": sum(getattr(one[name], part) for one in costs)
        / max(1, sum(getattr(one[name], whole) for one in costs))
        for name in ("usual", "fitted", "marked")
        for part, whole in (("refused", "answerable"), ("answered", "foreign"))
    }
    worst = max(one["fitted"].refused / one["fitted"].answerable for one in costs)
    return {"limit": statistics.mean(limits), "varies": statistics.pstdev(limits), "worst": worst, **shares}


COLUMNS = [f"{part} {name}" for part in ("refused", "answered") for name in ("usual", "fitted", "marked")]


def show(sets: dict[str, Rows]) -> None:
    parts = ("usual", "**fitted**", "some marked")
    heads = ["set", "judged by", "own, foreign", "limit", *(f"{of}: {one}" for of in ("refused", "answered")
                                                            for one in parts)]  # fmt: skip
    print(f"| {' | '.join(heads)} |\n|{'---|' * len(heads)}")
    found = [(name, row) for name, rows in sets.items() for row in measured(rows)]
    for name, row in found:
        limit = f"{row['limit']:.2f} ± {row['varies']:.2f}"
        print(f"| {name} | {row['kind']} | {row['own']}, {row['foreign']} | {limit} | {_cells(row)} |")
    means = {one: statistics.mean(row[one] for _, row in found) for one in COLUMNS}
    print(f"| **mean** | | | | {_cells(means)} |")
    print("\n| fitted to so many own questions | refused | at the worst | answered |\n|---|---|---|---|")
    for number in (*FEW, None):
        all_of = [row for rows in sets.values() for row in measured(rows, number)]
        told = [statistics.mean(row[one] for row in all_of) for one in ("refused fitted", "worst", "answered fitted")]
        print(f"| {number or 'half'} | " + " | ".join(f"{mean * 100:.1f} %" for mean in told) + " |")


def _cells(row: dict) -> str:
    return " | ".join(
        f"**{row[one] * 100:.1f} %**" if "fitted" in one else f"{row[one] * 100:.1f} %" for one in COLUMNS
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("sets", nargs="+")
    parser.add_argument("--documents", type=int, default=300)
    parser.add_argument("--questions", type=int, default=120)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--signs", type=Path, help="where the signs are kept")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="lectern-bench-") as temporary, lectern(options.data or Path(temporary)):
        show(_sets(options, options.signs or Path(temporary) / "signs"))


def _sets(options: argparse.Namespace, signs: Path) -> dict[str, Rows]:
    from benchmarks.shelf import shelve

    signs.mkdir(parents=True, exist_ok=True)
    drawn = {"most_documents": options.documents, "most_questions": options.questions}
    sets = {name: read_set(options.folder / name, **drawn) for name in options.sets}
    for name, own in sets.items():
        if not (signs / f"{name}.json").exists():
            others = [other for key, other in sets.items() if key != name]
            rows = asked(own, others, shelve(own))
            (signs / f"{name}.json").write_text(json.dumps(rows) + "\n", encoding="utf-8")
    return {name: json.loads((signs / f"{name}.json").read_text(encoding="utf-8")) for name in sets}


if __name__ == "__main__":
    main()
