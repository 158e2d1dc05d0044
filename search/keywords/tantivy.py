"""Find passages by their words with tantivy: a folder of the data folder for each index.

A folder of its own, as BM25 weighs a word by all that lies in the same one: what is put into one index changes no
score of another.
"""

import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby
from pathlib import Path

from django.conf import settings

from search.keywords import Entry, Hit
from search.keywords.stems import query_tokens
from search.keywords.tantivy_folder import GONE, Answer, Folder, translated
from search.keywords.tantivy_query import Contents, Scored, document, of_chunks, weigh


class TantivyIndex:
    """Any number of these, in any number of processes, share what is on the disk."""

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder or settings.KB_DATA / "keywords"

    def add(self, entries: Iterable[Entry]) -> None:
        for index_id, group in groupby(sorted(entries, key=_index_of), key=_index_of):
            folder = self._of(index_id)
            if not folder.path.exists():
                self._clear_away()
            each = {entry.chunk_id: entry for entry in group}
            with folder.writing() as writer:
                writer.delete_documents_by_query(of_chunks(list(each)))
                for entry in each.values():
                    writer.add_document(document(entry))

    def remove(self, index_id: int, chunk_ids: Sequence[int]) -> None:
        here = sorted(set(chunk_ids) - self.missing(index_id, chunk_ids))
        if here:
            with self._of(index_id).writing() as writer:
                writer.delete_documents_by_query(of_chunks(here))

    def remove_index(self, index_id: int) -> None:
        self._of(index_id).delete()
        self._clear_away()

    def best(self, words: str, *, indexes: Sequence[int], limit: int) -> list[Hit]:
        tokens = query_tokens(words)
        if not tokens or limit < 1:
            return []
        asked = self._contents(indexes)
        with translated():
            found = [one.best(weights, limit) for one, weights in zip(asked, weigh(tokens, asked), strict=True)]
            return _merged(asked, found, limit)

    def frequencies(self, words: Sequence[str], *, indexes: Sequence[int]) -> list[int]:
        asked = self._contents(indexes)
        with translated():
            return [sum(one.having_all_of(word) for one in asked) for word in words]

    def missing(self, index_id: int, chunk_ids: Sequence[int]) -> set[int]:
        listed = list(chunk_ids)
        return set(listed) - self._mended(index_id, lambda contents: contents.having(listed) if contents else set())

    def ids(self, index_id: int) -> Iterator[int]:
        yield from self._mended(index_id, lambda contents: contents.ids() if contents else [])

    def indexes(self) -> list[int]:
        return sorted(int(path.name) for path in self._within() if path.name.isdigit() and path.is_dir())

    def count(self, index_id: int) -> int:
        return self._mended(index_id, lambda contents: contents.count if contents else 0)

    def _of(self, index_id: int) -> Folder:
        return Folder(self.folder / str(index_id))

    def _contents(self, indexes: Sequence[int]) -> list[Contents]:
        """Of those of the indexes that have anything."""
        each = (self._of(index_id).contents() for index_id in dict.fromkeys(indexes))
        return [contents for contents in each if contents and contents.count]

    def _mended(self, index_id: int, ask: Callable[[Contents | None], Answer]) -> Answer:
        """What is said of an index's contents, if it has any; one that is damaged begins again, empty."""
        folder = self._of(index_id)

        def asked() -> Answer:
            with translated():
                return ask(folder.contents())

        return folder.mended(asked)

    def _within(self) -> list[Path]:
        return list(self.folder.iterdir()) if self.folder.exists() else []

    def _clear_away(self) -> None:
        """Delete what a killed process left, and the files of an older Lectern, which had one index for all."""
        for path in self._within():
            if path.name.startswith(GONE):
                shutil.rmtree(path, ignore_errors=True)
            elif path.is_file():
                path.unlink(missing_ok=True)


def _index_of(entry: Entry) -> int:
    return entry.index_id


def _merged(asked: Sequence[Contents], found: Sequence[list[Scored]], limit: int) -> list[Hit]:
    """The best of all; equal scores go by chunk. Only of these the chunks are looked up, as that takes its time."""
    scores = sorted((score for scored in found for score, _ in scored), reverse=True)
    among = [[one for one in scored if one[0] >= scores[:limit][-1]] for scored in found]
    hits = [hit for one, scored in zip(asked, among, strict=True) for hit in one.hits(scored)]
    return sorted(hits, key=lambda hit: (-hit.score, hit.chunk_id))[:limit]
