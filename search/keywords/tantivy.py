"""Find passages by their words with tantivy, in a folder of the data folder."""

import logging
import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TypeVar

import tantivy
from django.conf import settings

from search.keywords import Entry, Hit, KeywordError
from search.keywords.stems import analyzer, query_tokens
from search.keywords.tokens import is_one_character, tokens_of

log = logging.getLogger(__name__)
Answer = TypeVar("Answer")

STEMS = "stems"
BOOSTS = {"text": 1.0, "heading": 0.7, "title": 0.7}
ONE_CHARACTER = 0.5  # the weight of a single CJK character, where a pair has 1
HEAP = 32_000_000  # bytes for the one thread that writes; tantivy's least is 15 MB
LOCK_SECONDS = 30
PAGE = 1000
SIGNS_OF_DAMAGE = ("orrupt", "DoesNotExist", "does not match", "ncompatible", "not supported", "No such file")


class TantivyIndex:
    """A folder of tantivy segments. Opening costs about a millisecond, reloading a twentieth of one."""

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder or settings.KB_DATA / "keywords"

    def add(self, entries: Iterable[Entry]) -> None:
        with self._writer() as writer:
            for entry in entries:
                writer.delete_documents_by_term("key", _key(entry.index_id, entry.chunk_id))
                writer.add_document(_document(entry))

    def remove(self, chunk_ids: Sequence[int]) -> None:
        if not chunk_ids:
            return
        with self._writer() as writer:
            writer.delete_documents_by_query(tantivy.Query.term_set_query(SCHEMA, "chunk", list(chunk_ids)))

    def remove_index(self, index_id: int) -> None:
        with self._writer() as writer:
            writer.delete_documents_by_query(tantivy.Query.term_query(SCHEMA, "index", index_id))

    def best(self, words: str, *, indexes: Sequence[int], limit: int) -> list[Hit]:
        tokens = query_tokens(words)
        if not tokens or not indexes or limit < 1:
            return []
        return self._search(_within(indexes, _any_of(tokens)), limit)

    def ids(self, index_id: int) -> Iterator[int]:
        yield from self._mended(lambda: self._ids(index_id))

    def indexes(self) -> list[int]:
        return self._mended(self._indexes)

    def missing(self, index_id: int, chunk_ids: Sequence[int]) -> set[int]:
        return self._mended(lambda: self._missing(index_id, chunk_ids))

    def count(self, index_id: int) -> int:
        return self._mended(lambda: self._count(index_id))

    def _missing(self, index_id: int, chunk_ids: Sequence[int]) -> set[int]:
        absent = set(chunk_ids)
        for start in range(0, len(chunk_ids), PAGE):
            keys = [_key(index_id, chunk_id) for chunk_id in chunk_ids[start : start + PAGE]]
            query = tantivy.Query.term_set_query(SCHEMA, "key", keys)
            absent -= {hit.chunk_id for hit in self._search(query, len(keys))}
        return absent

    def _count(self, index_id: int) -> int:
        if not (self.folder / "meta.json").exists():
            return 0
        with _translated():
            query = tantivy.Query.term_query(SCHEMA, "index", index_id)
            return self._searcher().search(query, 1, count=True).count  # type: ignore[attr-defined]

    def _ids(self, index_id: int) -> list[int]:
        """With an entry for each, so that one that is there twice is seen."""
        size = self._count(index_id)
        query = tantivy.Query.const_score_query(tantivy.Query.term_query(SCHEMA, "index", index_id), 1.0)
        return [hit.chunk_id for hit in self._search(query, size)] if size else []

    def _indexes(self) -> list[int]:
        """By looking for what is in none of those that were found before."""
        found: list[int] = []
        if not (self.folder / "meta.json").exists():
            return found
        with _translated():
            searcher = self._searcher()
            while hits := searcher.search(_outside(found), 1, count=False).hits:
                value = searcher.fast_field_values("index", [address for _, address in hits])[0]
                found.append(int(value or 0))
        return sorted(found)

    def frequencies(self, words: Sequence[str], *, indexes: Sequence[int]) -> list[int]:
        if not indexes or not (self.folder / "meta.json").exists():
            return [0] * len(words)
        with _translated():
            searcher = self._searcher()
            return [searcher.search(_within(indexes, _all_of(word)), 1, count=True).count for word in words]  # type: ignore[attr-defined]

    def _search(self, query: tantivy.Query, limit: int) -> list[Hit]:
        """The best of a query; equal scores go by chunk, so that the order is always the same."""
        if not (self.folder / "meta.json").exists():  # before the first passage, or deleted by hand
            return []
        with _translated():
            searcher = self._searcher()
            found = searcher.search(query, limit, count=False).hits
            chunk_ids = searcher.fast_field_values("chunk", [address for _, address in found])
        hits = [Hit(int(chunk_id or 0), float(score)) for (score, _), chunk_id in zip(found, chunk_ids, strict=True)]
        return sorted(hits, key=lambda hit: (-hit.score, hit.chunk_id))

    def _searcher(self) -> tantivy.Searcher:
        """The index as the last commit of any process left it."""
        index = _opened(self.folder)
        index.reload()
        return index.searcher()

    @contextmanager
    def _writer(self) -> Iterator[tantivy.IndexWriter]:
        """The writer, for one commit. Its lock is the system's, so that of a killed process is free at once."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        writer = self._mended(lambda: self._locked_writer(time.monotonic() + LOCK_SECONDS))
        with _translated():
            try:
                yield writer
                writer.commit()
            finally:
                writer.wait_merging_threads()  # gives the lock back

    def _locked_writer(self, deadline: float) -> tantivy.IndexWriter:
        while True:
            try:
                with _translated():
                    index = _opened(self.folder)
                    index.reload()
                    return index.writer(HEAP, 1)
            except KeywordError as error:
                if "LockBusy" not in str(error) or time.monotonic() > deadline:
                    raise
                time.sleep(0.05)

    def _mended(self, ask: Callable[[], Answer]) -> Answer:
        """What those who fill the index ask: of a damaged one, an empty one in its place, to be filled again."""
        try:
            return ask()
        except KeywordError as error:
            if not _is_damage(error.__cause__):
                raise
            log.warning("The keyword index in %s is damaged and begins again, empty. %s", self.folder, error)
            _set_aside(self.folder)
            return ask()


def _schema() -> tantivy.Schema:
    """`key` names a chunk in an index: two indexes that are cut alike share their chunks."""
    builder = tantivy.SchemaBuilder()
    builder.add_text_field("key", tokenizer_name="raw", index_option="basic")
    builder.add_unsigned_field("chunk", indexed=True, fast=True)
    builder.add_unsigned_field("index", indexed=True, fast=True)
    for field in BOOSTS:
        builder.add_text_field(field, tokenizer_name=STEMS, index_option="freq")
    return builder.build()


SCHEMA = _schema()


@cache
def _opened(folder: Path) -> tantivy.Index:
    """This process's handle on the index, made empty if there is none."""
    index = tantivy.Index(SCHEMA, path=str(folder))
    index.register_tokenizer(STEMS, analyzer())
    index.config_reader("manual")
    return index


def _set_aside(folder: Path) -> None:
    """Take a damaged index out of the way in one step, then delete it."""
    _opened.cache_clear()
    damaged = folder.with_name(f"{folder.name}.damaged-{time.time_ns()}")
    folder.rename(damaged)
    folder.mkdir(mode=0o700)
    shutil.rmtree(damaged)


def _key(index_id: int, chunk_id: int) -> str:
    return f"{index_id}/{chunk_id}"


def _document(entry: Entry) -> tantivy.Document:
    fields = {field: " ".join(tokens_of(getattr(entry, field))) for field in BOOSTS}
    numbers = {"chunk": entry.chunk_id, "index": entry.index_id}
    return tantivy.Document.from_dict(fields | numbers | {"key": _key(entry.index_id, entry.chunk_id)}, SCHEMA)


def _any_of(tokens: Sequence[str]) -> tantivy.Query:
    """BM25 over every field, a field's part weighted by its boost."""
    terms = (
        tantivy.Query.boost_query(tantivy.Query.term_query(SCHEMA, field, token, "freq"), boost * weight)
        for token, weight in ((token, ONE_CHARACTER if is_one_character(token) else 1.0) for token in tokens)
        for field, boost in BOOSTS.items()
    )
    return tantivy.Query.boolean_query([(tantivy.Occur.Should, term) for term in terms])


def _all_of(word: str) -> tantivy.Query:
    """Every token of a word, each in any of the fields."""
    anywhere = (
        tantivy.Query.boolean_query(
            [(tantivy.Occur.Should, tantivy.Query.term_query(SCHEMA, field, token)) for field in BOOSTS]
        )
        for token in query_tokens(word)
    )
    return tantivy.Query.boolean_query([(tantivy.Occur.Must, one) for one in anywhere])


def _within(indexes: Sequence[int], query: tantivy.Query) -> tantivy.Query:
    scope = tantivy.Query.const_score_query(tantivy.Query.term_set_query(SCHEMA, "index", list(indexes)), 0.0)
    return tantivy.Query.boolean_query([(tantivy.Occur.Must, scope), (tantivy.Occur.Must, query)])


def _outside(indexes: Sequence[int]) -> tantivy.Query:
    everything = (tantivy.Occur.Must, tantivy.Query.all_query())
    if not indexes:
        return tantivy.Query.boolean_query([everything])
    there = tantivy.Query.term_set_query(SCHEMA, "index", list(indexes))
    return tantivy.Query.boolean_query([everything, (tantivy.Occur.MustNot, there)])


def _is_damage(error: BaseException | None) -> bool:
    """Whether the files themselves are wrong, rather than the disk full, the lock busy or the process stopping."""
    if type(error).__name__ == "PanicException":
        return True
    return isinstance(error, ValueError) and any(sign in str(error) for sign in SIGNS_OF_DAMAGE)


@contextmanager
def _translated() -> Iterator[None]:
    """tantivy's errors as ours; its panics are no Exception, so they are told apart by name."""
    try:
        yield
    except KeywordError:
        raise
    except (ValueError, OSError) as error:
        raise KeywordError(f"The keyword index does not answer: {error}") from error
    except BaseException as error:
        if type(error).__name__ != "PanicException":
            raise
        raise KeywordError(f"The keyword index failed: {error}") from error
