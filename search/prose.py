"""An answer's text as blocks that a template can show: a small Markdown, in which [n] cites source n."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby

INLINE = re.compile(
    r"\\(?P<text>[!-/:-@\[-`{-~])"  # escaped: not markup
    r"|\[(?P<cite>\d{1,3})\]|\*\*(?P<strong>[^*\n]+)\*\*|`(?P<code>[^`\n]+)`"
)
BULLET = re.compile(r"\s*[-*+]\s+(.*)")
NUMBERED = re.compile(r"\s*(\d{1,3})[.)]\s+(.*)")
HEADING = re.compile(r"#{1,6}\s+(.*)")
FENCE = re.compile(r"\s*(`{3,}|~{3,})(.*)")


@dataclass(frozen=True)
class Run:
    """A stretch of text: `kind` is text, strong, code, or cite, whose `number` is the source's."""

    kind: str
    text: str
    number: int = 0


@dataclass(frozen=True)
class Block:
    """A paragraph, heading, list or block of code. `items` holds the runs of each item; what is no list has one."""

    kind: str
    items: tuple[tuple[Run, ...], ...]
    start: int = 1

    @property
    def runs(self) -> tuple[Run, ...]:
        return self.items[0]


def blocks_of(answer: str) -> list[Block]:
    """The answer's blocks in reading order. Everything that isn't known stays as it was written."""
    return list(_join_lists(_blocks(answer.replace("\r\n", "\n").split("\n"))))


def _blocks(lines: list[str]) -> Iterator[Block]:
    paragraph: list[str] = []
    fence: list[str] | None = None
    mark = ""
    for line in lines:
        found = FENCE.match(line)
        if fence is not None:
            if found and found[1].startswith(mark) and not found[2].strip():
                yield Block("code", ((Run("text", "\n".join(fence)),),))
                fence = None
            else:
                fence.append(line)
        elif found:
            yield from _paragraph(paragraph)
            paragraph, mark = [], found[1]
            fence = [found[2].strip()] if found[2].strip() else []
        elif block := _line_block(line):
            yield from _paragraph(paragraph)
            paragraph = []
            yield block
        elif line.strip():
            paragraph.append(line)
        else:
            yield from _paragraph(paragraph)
            paragraph = []
    if fence:
        yield Block("code", ((Run("text", "\n".join(fence)),),))
    yield from _paragraph(paragraph)


def _paragraph(lines: list[str]) -> Iterator[Block]:
    if lines:
        yield Block("paragraph", (_runs("\n".join(lines)),))


def _line_block(line: str) -> Block | None:
    if match := HEADING.fullmatch(line.strip()):
        return Block("heading", (_runs(match[1]),))
    if match := BULLET.fullmatch(line):
        return Block("bullets", (_runs(match[1]),))
    if match := NUMBERED.fullmatch(line):
        return Block("numbers", (_runs(match[2]),), start=int(match[1]))
    return None


def _join_lists(blocks: Iterator[Block]) -> Iterator[Block]:
    """Items that follow one another are one list."""
    last: Block | None = None
    for block in blocks:
        if last and last.kind == block.kind and block.kind in ("bullets", "numbers"):
            last = Block(last.kind, last.items + block.items, last.start)
            continue
        if last:
            yield last
        last = block
    if last:
        yield last


def _runs(text: str) -> tuple[Run, ...]:
    runs: list[Run] = []
    at = 0
    for match in INLINE.finditer(text):
        if match.start() > at:
            runs.append(Run("text", text[at : match.start()]))
        kind = str(match.lastgroup)
        runs.append(Run(kind, match[kind], int(match[kind]) if kind == "cite" else 0))
        at = match.end()
    if at < len(text):
        runs.append(Run("text", text[at:]))
    return tuple(_join_texts(runs))


def _join_texts(runs: list[Run]) -> Iterator[Run]:
    """Stretches of plain text that follow one another as one."""
    for is_text, group in groupby(runs, key=lambda run: run.kind == "text"):
        if is_text:
            yield Run("text", "".join(run.text for run in group))
        else:
            yield from group
