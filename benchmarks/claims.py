"""Measure how surely claims are told that a passage bears out: precision and recall over claims of known truth.

    python -m benchmarks.claims SETDIR [--model MODEL]    SETDIR: corpus.jsonl, queries.jsonl, answers.jsonl

True claims are sentences of the passage, sentences of it with a quarter of the words left out, and questions made
statements by their answer. False ones are the same sentences under another passage, with one number changed, and
questions with the answer to another question of the same passage.
"""

import argparse
import json
import random
import re
import uuid
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from search.passage import Passage
from search.sentences import split_sentences
from search.support import supports_of
from search.terms import is_cjk

ASKING = re.compile(
    r"^(?:(?:in|at|on|for|to|by|from) )?(?:what|which|who|whom|whose|when|where|why|how (?:many|much|long|old)|how)\b"
    r"|\?|什么|哪[个些里位年种]?|谁|多少|何时|如何|怎么|为什么|吗|？",
    re.I,
)


def claims(folder: Path, most: int) -> Iterator[tuple[str, bool, str, str]]:
    """(kind, whether it is true, the claim, the passage it cites), the same every time."""
    rand = random.Random(7)
    corpus = {row["_id"]: row["text"] for row in rows(folder / "corpus.jsonl")}
    questions = {row["_id"]: row["text"] for row in rows(folder / "queries.jsonl")}
    by_text = defaultdict(list)
    for row in rows(folder / "answers.jsonl"):
        by_text[row["doc"]].append((questions[row["_id"]], row["answers"][0]))
    names = sorted(corpus)[:most]
    for at, name in enumerate(names):
        text, other = corpus[name], corpus[names[(at + 37) % len(names)]]
        said = rand.choice([one.text for one in split_sentences(text)])
        yield "a sentence of it", True, said, text
        yield "with a quarter left out", True, shortened(said, rand), text
        yield "a sentence of another", False, said, other
        numbered = [one.text for one in split_sentences(text) if re.search(r"\d", one.text)]
        if numbered:
            yield "another number", False, renumbered(rand.choice(numbered)), text
        if len(by_text[name]) > 1:
            (asked, answer), (_, wrong) = rand.sample(by_text[name], 2)
            yield "question and answer", True, stated(asked, answer), text
            if wrong != answer:
                yield "question and another's answer", False, stated(asked, wrong), text
            yield "question and answer, elsewhere", False, stated(asked, answer), other


def rows(path: Path) -> Iterator[dict]:
    return map(json.loads, path.read_text(encoding="utf-8").splitlines())


def shortened(sentence: str, rand: random.Random) -> str:
    words = list(sentence) if is_cjk(sentence) else sentence.split()
    kept = [word for word in words if any(c.isdigit() for c in word) or rand.random() > 0.25]
    return "".join(kept) if is_cjk(sentence) else " ".join(kept)


def renumbered(sentence: str) -> str:
    return re.sub(r"\d+", lambda found: str(int(found[0]) + 7), sentence, count=1)


def stated(question: str, answer: str) -> str:
    stated = ASKING.sub("", question).strip()
    return f"{stated}{'，是' if is_cjk(question) else ': '}{answer}."


def passage(text: str) -> Passage:
    return Passage(1, uuid.uuid4(), uuid.uuid4(), "", text, 0, len(text))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--most", type=int, default=240, help="passages")
    parser.add_argument("--model", help="a sentence-transformers model; without one, words alone decide")
    chosen = parser.parse_args()
    embed = None
    if chosen.model:
        from sentence_transformers import SentenceTransformer

        model = SentenceTransformer(chosen.model)

        def embed(texts: list[str]) -> np.ndarray:
            return model.encode(texts, normalize_embeddings=True)

    told = defaultdict(list)
    for kind, is_true, claim, text in claims(chosen.folder, chosen.most):
        one = supports_of(f"{claim.strip()} [1]", [passage(text)], embed)
        told[kind, is_true].append(all(support.supported is not False for support in one))
    for (kind, is_true), held in told.items():
        print(f"| {kind} | {'true' if is_true else 'false'} | {len(held)} | {np.mean(held):.3f} |")
    held = [(is_true, one) for (_, is_true), ones in told.items() for one in ones]
    borne_out = [is_true for is_true, one in held if one]
    print(f"precision {np.mean(borne_out):.3f}, recall {sum(borne_out) / sum(t for t, _ in held):.3f}")


if __name__ == "__main__":
    main()
