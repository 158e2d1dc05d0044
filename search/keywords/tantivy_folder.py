"""A folder of tantivy segments: read as its last writer left it, written to, and begun again where it is damaged."""

import contextlib
import logging
import shutil
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import tantivy

from search.keywords import KeywordError
from search.keywords.stems import analyzer
from search.keywords.tantivy_query import SCHEMA, STEMS, Contents

log = logging.getLogger(__name__)
Answer = TypeVar("Answer")
Stamp = tuple[int, int, int]  # of a file that is replaced, never changed

HEAP = 32_000_000  # bytes for the one thread that writes; tantivy's least is 15 MB
LOCK_SECONDS = 30
OPEN_MOST = 200  # folders that a process keeps open: each has some 60 mapped files and a thread that sleeps
GONE = ".gone-"
SIGNS_OF_DAMAGE = ("orrupt", "DoesNotExist", "does not match", "ncompatible", "not supported", "No such file")


@dataclass(frozen=True)
class Opened:
    """A handle on a folder, the commit that it reads, and what is in that."""

    index: tantivy.Index
    stamp: Stamp
    contents: Contents


class Folder:
    """Any number of these may name the same folder; what is open is shared by all of a process.

    One process at a time writes, under a lock that the system frees when its holder dies; any number read.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def contents(self) -> Contents | None:
        """What the last commit of any process left; None where there was none. Opening takes a millisecond."""
        stamp = self._stamp()
        if stamp is None:  # nothing was ever put in, or it was deleted
            _forget(self.path)
            return None
        opened = _kept(self.path)
        if opened is None or opened.stamp != stamp:
            try:
                opened = self._read(opened, stamp)
            except KeywordError:
                if self._stamp() is None:
                    return None  # deleted just now
                raise
            _keep(self.path, opened)
        return opened.contents

    def _read(self, opened: Opened | None, stamp: Stamp) -> Opened:
        with translated():
            index = opened.index if opened else self._open()
            index.reload()
            return Opened(index, stamp, Contents(index.searcher()))

    def _open(self) -> tantivy.Index:
        """A new handle; an empty index is made where there is none."""
        index = tantivy.Index(SCHEMA, path=str(self.path))
        index.register_tokenizer(STEMS, analyzer())
        index.config_reader("manual")
        return index

    def _stamp(self) -> Stamp | None:
        """What tells one commit from another: each puts a new file in the place of the last."""
        try:
            meta = (self.path / "meta.json").stat()
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise KeywordError(f"The keyword index does not answer: {error}") from error
        return (meta.st_ino, meta.st_mtime_ns, meta.st_size)

    @contextmanager
    def writing(self) -> Iterator[tantivy.IndexWriter]:
        """The writer, for one commit."""
        writer = self._writer()
        with translated():
            try:
                yield writer
                writer.commit()
            finally:
                writer.wait_merging_threads()  # gives the lock back

    def delete(self) -> None:
        """With all that is in it; a process that is writing finishes first."""
        if self.path.exists():
            writer = self._writer()
            with translated():
                gone = self._set_aside()
                writer.wait_merging_threads()
            shutil.rmtree(gone, ignore_errors=True)

    def mended(self, ask: Callable[[], Answer]) -> Answer:
        """What those who fill the index ask: of a damaged one, an empty one in its place, to be filled again."""
        try:
            return ask()
        except KeywordError as error:
            if not _is_damage(error.__cause__):
                raise
            log.warning("The keyword index in %s is damaged and begins again, empty. %s", self.path, error)
            with contextlib.suppress(FileNotFoundError):
                shutil.rmtree(self._set_aside(), ignore_errors=True)
            return ask()

    def _writer(self) -> tantivy.IndexWriter:
        deadline = time.monotonic() + LOCK_SECONDS
        return self.mended(lambda: self._locked_writer(deadline))

    def _locked_writer(self, deadline: float) -> tantivy.IndexWriter:
        """By a handle of its own: a reader's may be of a folder that was deleted and made anew.

        What a killed writer left is cleared away first: tantivy would use the names of its files again, and fail.
        """
        while True:
            try:
                with translated():
                    self.path.mkdir(parents=True, exist_ok=True, mode=0o700)
                    writer = self._open().writer(HEAP, 1)
                    writer.garbage_collect_files()
                    return writer
            except KeywordError as error:
                if "LockBusy" not in str(error) or time.monotonic() > deadline:
                    raise
                time.sleep(0.05)

    def _set_aside(self) -> Path:
        """Out of the way in one step, to be deleted."""
        _forget(self.path)
        gone = self.path.with_name(f"{GONE}{self.path.name}-{time.time_ns()}")
        self.path.rename(gone)
        return gone


_opened: OrderedDict[Path, Opened] = OrderedDict()
_one_at_a_time = threading.Lock()


def _kept(path: Path) -> Opened | None:
    with _one_at_a_time:
        opened = _opened.get(path)
        if opened:
            _opened.move_to_end(path)
        return opened


def _keep(path: Path, opened: Opened) -> None:
    """The one asked for longest ago is closed; a search that is using it ends as it began."""
    with _one_at_a_time:
        _opened[path] = opened
        _opened.move_to_end(path)
        while len(_opened) > OPEN_MOST:
            _opened.popitem(last=False)


def _forget(path: Path) -> None:
    with _one_at_a_time:
        _opened.pop(path, None)


def _is_damage(error: BaseException | None) -> bool:
    """Whether the files themselves are wrong, rather than the disk full, the lock busy or the process stopping."""
    if type(error).__name__ == "PanicException":
        return True
    return isinstance(error, ValueError) and any(sign in str(error) for sign in SIGNS_OF_DAMAGE)


@contextmanager
def translated() -> Iterator[None]:
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
