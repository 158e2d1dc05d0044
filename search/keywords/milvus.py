"""Find passages by their words with Milvus's own BM25, a collection an index.

The tokens are ours (tokens.py), so that Chinese and part codes are found as with tantivy; Milvus counts them. Each is
spelled in letters, digits and underscores, which all its analyzers leave whole.
"""

import re
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import groupby
from threading import Lock

from kb.milvus import WRITE_SECONDS, MilvusError, milvus
from search.identity import identity
from search.keywords import Entry, Hit, KeywordError
from search.keywords.stems import query_tokens, stems
from search.keywords.tokens import is_one_character, tokens_of

PAGE = 500
MOST_BYTES = 65_535  # of a text field; a passage of some 9,000 words or 6,000 Chinese characters
FIELDS = ("title", "heading", "text")
BM25 = {"bm25_k1": 1.2, "bm25_b": 0.75}
OTHER = re.compile(r"[^\w]|_")
AT_ONCE = 8  # collections asked at the same time
REMEMBERED_SECONDS, REMEMBERED = 600, 50_000  # in how many passages a word stands changes slowly


class MilvusWords:
    """Any number of these share the process's connection."""

    def __init__(self) -> None:
        self.prefix = f"lectern_{identity()}_words_"

    def add(self, entries: Iterable[Entry]) -> None:
        with _translated():
            for index_id, group in groupby(sorted(entries, key=_index_of), key=_index_of):
                name = self._name(index_id)
                self._make(name)
                rows = [{"id": one.chunk_id, "words": _words(one)} for one in group]
                with milvus().writing(name):
                    for start in range(0, len(rows), PAGE):
                        milvus().call("upsert", name, rows[start : start + PAGE], seconds=WRITE_SECONDS)

    def remove(self, index_id: int, chunk_ids: Sequence[int]) -> None:
        here = sorted(set(chunk_ids) - self.missing(index_id, chunk_ids))
        if here:
            with _translated(), milvus().writing(self._name(index_id)):
                for start in range(0, len(here), PAGE):
                    page = here[start : start + PAGE]
                    milvus().call("delete", self._name(index_id), ids=page, seconds=WRITE_SECONDS)

    def remove_index(self, index_id: int) -> None:
        with _translated():
            milvus().call("drop_collection", self._name(index_id), seconds=WRITE_SECONDS)

    def best(self, words: str, *, indexes: Sequence[int], limit: int) -> list[Hit]:
        asked = _asked(query_tokens(words))
        if not asked or limit < 1:
            return []
        with _translated(), ThreadPoolExecutor(AT_ONCE) as threads:
            found = list(threads.map(lambda index_id: self._best(index_id, asked, limit), indexes))
        hits = (hit for one in found for hit in one)
        return sorted(hits, key=lambda hit: (-hit.score, hit.chunk_id))[:limit]

    def _best(self, index_id: int, asked: str, limit: int) -> list[Hit]:
        """Milvus Lite gives a score as a negative distance, a cluster as it is."""
        found = _unless_unknown(
            "search", self._name(index_id), [asked], anns_field="sparse", limit=limit, output_fields=["id"],
            search_params={"metric_type": "BM25"},
        )  # fmt: skip
        return [Hit(int(hit["id"]), abs(float(hit["distance"])) / 2) for hit in found[0]] if found else []

    def frequencies(self, words: Sequence[str], *, indexes: Sequence[int]) -> list[int]:
        with _translated():
            return [sum(_frequency(self._name(index_id), word) for index_id in indexes) for word in words]

    def missing(self, index_id: int, chunk_ids: Sequence[int]) -> set[int]:
        absent, listed = set(chunk_ids), list(chunk_ids)
        with _translated():
            for start in range(0, len(listed), PAGE):
                page = listed[start : start + PAGE]
                rows = _unless_unknown("query", self._name(index_id), ids=page, output_fields=["id"], seconds=60)
                absent -= {int(row["id"]) for row in rows or ()}
        return absent

    def ids(self, index_id: int) -> Iterator[int]:
        with _translated():
            if not milvus().call("has_collection", self._name(index_id)):
                return
            milvus().call("load_collection", self._name(index_id), seconds=WRITE_SECONDS)
            pages = milvus().call("query_iterator", self._name(index_id), batch_size=PAGE, output_fields=["id"])
            while rows := pages.next():
                yield from (int(row["id"]) for row in rows)

    def indexes(self) -> list[int]:
        with _translated():
            names = milvus().call("list_collections")
        endings = (name.removeprefix(self.prefix) for name in names if name.startswith(self.prefix))
        return sorted(int(ending) for ending in endings if ending.isdigit())

    def count(self, index_id: int) -> int:
        with _translated():
            return _count(self._name(index_id), "")

    def _name(self, index_id: int) -> str:
        return f"{self.prefix}{index_id}"

    def _make(self, name: str) -> None:
        if milvus().call("has_collection", name):
            return
        from pymilvus import DataType, Function, FunctionType, MilvusClient

        # Lite knows no other; on a cluster it would take words apart that we have put together
        analyzer = {"tokenizer": "standard" if milvus().is_lite else "whitespace"}
        schema = MilvusClient.create_schema(auto_id=False, enable_dynamic_field=False)
        schema.add_field("id", DataType.INT64, is_primary=True)
        schema.add_field(
            "words", DataType.VARCHAR, max_length=MOST_BYTES, enable_analyzer=True, enable_match=True,
            analyzer_params=analyzer,
        )  # fmt: skip
        schema.add_field("sparse", DataType.SPARSE_FLOAT_VECTOR)
        schema.add_function(Function("bm25", FunctionType.BM25, ["words"], ["sparse"]))
        index = MilvusClient.prepare_index_params()
        index.add_index("sparse", index_type="SPARSE_INVERTED_INDEX", metric_type="BM25", params=BM25)
        milvus().call(
            "create_collection", name, schema=schema, index_params=index, consistency_level="Strong",
            seconds=WRITE_SECONDS,
        )  # fmt: skip


def _index_of(entry: Entry) -> int:
    return entry.index_id


def _words(entry: Entry) -> str:
    """All tokens of a passage. What is longer than Milvus takes keeps each word once, and then as many as fit."""
    tokens = [token for field in FIELDS for token in stems(list(tokens_of(getattr(entry, field))))]
    text = " ".join(map(_spelled, tokens))
    if len(text.encode()) > MOST_BYTES:
        text = " ".join(map(_spelled, dict.fromkeys(tokens)))
        text = text.encode()[:MOST_BYTES].decode(errors="ignore").rpartition(" ")[0]
    return text


def _spelled(token: str) -> str:
    """One word for any analyzer: what is no letter or digit becomes _code_, so that different tokens stay different."""
    return OTHER.sub(lambda found: f"_{ord(found[0]):x}_", token)


def _asked(tokens: Sequence[str]) -> str:
    """Each token twice, but a single CJK character, which weighs half, once: BM25 counts how often one is asked for."""
    return " ".join(" ".join([_spelled(token)] * (1 if is_one_character(token) else 2)) for token in tokens)


_frequencies: dict[tuple[str, str], tuple[float, int]] = {}
_one_at_a_time = Lock()


def _frequency(name: str, word: str) -> int:
    """In how many passages all tokens of the word stand; remembered for some minutes, as counting reads them all."""
    now = time.monotonic()
    with _one_at_a_time:
        when, known = _frequencies.get((name, word), (float("-inf"), 0))
    if now - when < REMEMBERED_SECONDS:
        return known
    matches = (f"TEXT_MATCH(words, '{_spelled(token)}')" for token in query_tokens(word))
    condition = " and ".join(matches)
    found = _count(name, condition) if condition else 0
    with _one_at_a_time:
        if len(_frequencies) > REMEMBERED:
            _frequencies.clear()
        _frequencies[name, word] = (now, found)
    return found


def _count(name: str, condition: str) -> int:
    rows = _unless_unknown("query", name, filter=condition, output_fields=["count(*)"])
    return int(rows[0]["count(*)"]) if rows else 0


def _unless_unknown(verb: str, name: str, *arguments, **options):
    """What Milvus says; None where it has no such collection yet."""
    try:
        return milvus().call(verb, name, *arguments, **options)
    except MilvusError as error:
        if error.is_unknown:
            return None
        raise


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except MilvusError as error:
        raise KeywordError(str(error)) from error
    except (KeyError, IndexError, TypeError, ValueError) as error:
        raise KeywordError(f"The answer of Milvus cannot be read: {error}") from error
