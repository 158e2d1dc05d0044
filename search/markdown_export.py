"""A conversation, or one answer of it, as Markdown with its sources."""

from collections.abc import Iterable

from django.utils import formats, timezone
from django.utils.translation import gettext as _

from search.models import Citation
from search.turns import Turn


def conversation_markdown(title: str, turns: Iterable[Turn]) -> str:
    """Every turn under its question; only what the reader sees of it."""
    parts = [f"# {_one_line(title)}", *(_under_question(turn) for turn in turns)]
    return "\n\n".join(parts) + "\n"


def _under_question(turn: Turn) -> str:
    asked = formats.date_format(timezone.localtime(turn.message.created_at), "SHORT_DATETIME_FORMAT")
    writer = f", {turn.message.model_name}" if turn.message.model_name else ""
    return f"## {_one_line(turn.message.question)}\n\n*{asked}{writer}*\n\n{answer_markdown(turn)}"


def answer_markdown(turn: Turn) -> str:
    """The answer as it stands, then a line a source that it cites."""
    parts = [turn.answer.strip() or _unanswered(turn)]
    if turn.is_shortened:
        parts.append(f"*{_('A part of this answer is not shown: its source is gone, or is no longer yours to read.')}*")
    if turn.cited:
        parts.append("\n".join([f"{_('Sources')}:", "", *(f"- {source_line(one)}" for one in turn.cited)]))
    return "\n\n".join(parts)


def _unanswered(turn: Turn) -> str:
    nothing = _("Nothing in your documents answers this.")
    if not turn.closest:
        return nothing
    titles = (f"- {_one_line(document.title)}" for document in turn.closest)
    return "\n".join([f"{nothing} {_('These come closest:')}", "", *titles])


def source_line(citation: Citation) -> str:
    """[1] Travel policy, page 3, Hotels > Limits"""
    place = [_("page %(n)d") % {"n": citation.page}] if citation.page else []
    headings = [" > ".join(citation.heading_path)] if citation.heading_path else []
    return f"[{citation.number}] " + ", ".join(_one_line(part) for part in (citation.title, *place, *headings))


def _one_line(text: str) -> str:
    return " ".join(text.split())
