"""A conversation, or one answer of it, as Markdown with its sources."""

from collections.abc import Iterable

from django.utils import formats, timezone
from django.utils.translation import gettext as _

from search.conversations.turns import Turn
from search.models import Citation
from search.named import by_document


def conversation_markdown(title: str, turns: Iterable[Turn]) -> str:
    """Every turn under its question; only what the reader sees of it."""
    parts = [f"# {_one_line(title)}", *(_under_question(turn) for turn in turns)]
    return "\n\n".join(parts) + "\n"


def _under_question(turn: Turn) -> str:
    asked = formats.date_format(timezone.localtime(turn.message.created_at), "SHORT_DATETIME_FORMAT")
    writer = f", {turn.message.model_name}" if turn.message.model_name else ""
    return f"## {_one_line(turn.message.question)}\n\n*{asked}{writer}*\n\n{answer_markdown(turn)}"


def answer_markdown(turn: Turn) -> str:
    """The answer as it stands and what there is to say about it, then its sources: by document, where there are
    several."""
    if not turn.is_shown:
        return _unanswered(turn)
    parts = [turn.answer.strip(), *(f"*{note}*" for note in _notes(turn))]
    groups = by_document(turn.cited)
    lines = [_document_line(group) for group in groups] if len(groups) > 1 else list(map(source_line, turn.cited))
    if lines:
        parts.append("\n".join([f"{_('Sources')}:", "", *(f"- {line}" for line in lines)]))
    return "\n\n".join(part for part in parts if part)


def _notes(turn: Turn) -> list[str]:
    notes = []
    if turn.is_shortened:
        notes.append(_("A part of this answer is not shown: its source is gone, or is no longer yours to read."))
    if turn.names_no_source:
        notes.append(_("This answer names no source."))
    added = ", ".join(f"[{number}]" for number in turn.derived)
    if added:
        notes.append(
            _("The model named no source where these numbers were added by checking: %(numbers)s") % {"numbers": added}
        )
    return notes


def _document_line(citations: list[Citation]) -> str:
    """Travel policy: [1] page 3, Hotels > Limits; [3] page 5"""
    places = (" ".join([f"[{one.number}]", *filter(None, [_place(one)])]) for one in citations)
    return f"{_one_line(citations[0].title)}: {'; '.join(places)}"


def _unanswered(turn: Turn) -> str:
    nothing = _("Nothing in your documents answers this.")
    if not turn.closest:
        return nothing
    titles = (f"- {_one_line(document.title)}" for document in turn.closest)
    return "\n".join([f"{nothing} {_('These come closest:')}", "", *titles])


def source_line(citation: Citation) -> str:
    """[1] Travel policy, page 3, Hotels > Limits"""
    return f"[{citation.number}] " + ", ".join(filter(None, [_one_line(citation.title), _place(citation)]))


def _place(citation: Citation) -> str:
    page = [_("page %(n)d") % {"n": citation.page}] if citation.page else []
    headings = [" > ".join(citation.heading_path)] if citation.heading_path else []
    return ", ".join(_one_line(part) for part in (*page, *headings))


def _one_line(text: str) -> str:
    return " ".join(text.split())
