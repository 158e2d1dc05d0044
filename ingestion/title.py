"""What a document is called, where it says so itself."""

import re
from collections.abc import Sequence

from ingestion.clean import one_line
from ingestion.parsed import ParsedSection

_NEAR = 12  # sections: a title stands at the beginning
_SIGNATURE = re.compile(r"^(Microsoft (Word|PowerPoint|Excel)|WPS \w+) - ")
_GENERIC = re.compile(
    r"(none|null|untitled|无标题|無題|titel|title|document|文档|presentation|演示文稿|slide|幻灯片|layout|page|sheet|"
    r"工作表|book|工作簿|index|section|chapter|part|heading|header|table|figure|abstract|summary|introduction|contents|"
    r"table of contents|preface|overview|agenda|摘要|目录|前言|引言|"
    r"powerpoint[ -]pr.sentation|word document|new document|scan|default|adobe \w+ pdf|click to add title)"
    r"([\s\d.:]|[ivx]+$)*"
    r"|第?[\s\d一二三四五六七八九十]+[章节節部分篇]?|.*\.\w{2,5}|[\W\d_]+|/?\S*/\S*",
    re.IGNORECASE,
)


def tidy_title(title: str) -> str:
    """A title that a person would recognise, else "": no "untitled", no file name, no program's signature."""
    title = _SIGNATURE.sub("", one_line(title).strip(" .-_"))
    if not 3 <= len(title) <= 200 and not (len(title) == 2 and not title.isascii()):
        return ""
    return "" if _GENERIC.fullmatch(title) else title


def top_heading(sections: Sequence[ParsedSection]) -> str:
    """The document's one highest heading, if it stands near the beginning; several are chapters, slides or sheets."""
    headings = [(section.depth, at) for at, section in enumerate(sections) if section.kind == "heading"]
    highest = min((depth for depth, _ in headings), default=0)
    places = [at for depth, at in headings if depth == highest]
    return sections[places[0]].text if len(places) == 1 and places[0] < _NEAR else ""
