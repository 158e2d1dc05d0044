"""The child process that parses one file: `python -m ingestion.child PARENT LIMITS... REQUEST`, fenced in."""

import json
import os
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path

from ingestion.errors import IngestionError
from ingestion.fence import fence
from ingestion.sentence import Sentence, one_after_another
from ingestion.sentence import sentence as _

TOO_LARGE = _("This file is too large or too complex to be read with the memory that is allowed for one file.")
NO_TEXT = _("No text was found in this file.")


def main(arguments: list[str]) -> int:
    parent, seconds, memory_mb, file_mb = map(int, arguments[:4])
    report = _reporter()
    fence(parent=parent, memory_mb=memory_mb, cpu_seconds=seconds, file_mb=file_mb)
    request = json.loads(arguments[4])
    out = Path(request["out"])
    try:
        _parse(request, out, time.monotonic() + seconds * 0.8, report)
    except IngestionError as error:
        _fail(out, error.sentence, error.retry)
    except (MemoryError, RecursionError):
        _fail(out, TOO_LARGE, False)
    except Exception:
        traceback.print_exc()
        return 1
    return 0


def _reporter() -> Callable[[int, int], None]:
    """Takes standard output for ourselves: what libraries print goes to standard error."""
    pipe = os.fdopen(os.dup(1), "w", encoding="ascii")
    os.dup2(2, 1)
    last = 0.0

    def report(done: int, total: int) -> None:
        nonlocal last
        if done == total or time.monotonic() - last > 0.25:
            last = time.monotonic()
            pipe.write(f"{done} {total}\n")
            pipe.flush()

    return report


def _parse(request: dict, out: Path, deadline: float, report: Callable[[int, int], None]) -> None:
    from ingestion import parsers
    from ingestion.assemble import assemble
    from ingestion.parsed import write
    from ingestion.title import tidy_title, top_heading
    from kb.language import language_of

    path = Path(request["path"])
    source = parsers.Source(
        path, request["name"], Path(request["workspace"]), deadline, request["ocr_languages"], report
    )
    draft = parsers.parser_of(request["format"])(source)
    sections = tuple(assemble(draft.blocks))
    if not sections and not draft.attachments:
        raise IngestionError(one_after_another([NO_TEXT, *draft.notes]))
    head = {
        "title": tidy_title(draft.title) or tidy_title(top_heading(sections)),
        "language": language_of([s.text for s in sections]),
        "pages": draft.pages,
        "notes": [note.to_json() for note in draft.notes],
    }
    with out.open("w", encoding="utf-8") as file:
        write(head, sections, draft.attachments, file)


def _fail(out: Path, said: Sentence, retry: bool) -> None:
    out.write_text(json.dumps(["head", {"error": said.to_json(), "retry": retry}]) + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
