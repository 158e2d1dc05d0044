"""Keep an answer in its message: while it is written, and when it has ended."""

import logging
from collections.abc import Mapping, Sequence
from uuid import UUID

from django.db import DataError, transaction
from django.utils import timezone, translation
from django.utils.translation import gettext, gettext_noop

from search.abstain import abstains
from search.answerers import open_answerer
from search.answering.runs import Ending
from search.cite import checked, cite, renumbered
from search.models import Citation, Message
from search.passage import Passage
from search.structure import with_parts

log = logging.getLogger(__name__)
State = Message.State
FALLBACK = gettext_noop("Instead, here are the passages' own sentences.")
CUT_SHORT = gettext_noop("The answer was cut off at the length that is allowed.")
NOBODY = UUID(int=0)
GONE = Passage(0, NOBODY, NOBODY, "", "", 0, 0)  # stands at the number of a source that is no longer there
WRITTEN = (
    "answer", "is_answered", "awaits_check", "state", "tokens_in", "tokens_out", "milliseconds", "notes", "beat_at"
)  # fmt: skip


def keep_so_far(texts: Mapping[int, str]) -> list[int]:
    """What is written until now, by message, and that somebody is writing; gives those that nobody waits for any more.

    One text that the database does not take keeps no other from being written down.
    """
    with transaction.atomic():
        return [message_id for message_id, text in texts.items() if not _is_wanted(message_id, text)]


def _is_wanted(message_id: int, text: str) -> bool:
    writing = Message.objects.filter(pk=message_id, state=State.WRITING)
    try:
        with transaction.atomic():
            return bool(writing.update(answer=text, beat_at=timezone.now()))
    except (ValueError, DataError):
        log.exception("What is written of message %s so far could not be kept", message_id)
        return bool(writing.update(beat_at=timezone.now()))


def keep(message_id: int, text: str, ending: Ending) -> bool:
    """The whole answer; where the model failed, the extractive one and a sentence. Whether it is to be checked now.

    A source whose document is gone keeps its number; the answer says no less for it, the pages show what may be seen.
    """
    chosen = Message.objects.filter(pk=message_id, state=State.WRITING).select_related("conversation__user")
    message = chosen.first()
    if message is None:
        return False  # deleted, or ended by another
    citations = list(message.citations.select_related("document").order_by("number"))
    if ending.state == "failed":
        text = _extracted(message, citations)
    message.notes = [*message.notes, *_notes(message, ending)]
    text = checked(text, [citation.number for citation in citations]).strip()
    message.answer, message.is_answered = text, bool(text) and not abstains(text)
    message.awaits_check = bool(text) and ending.state != "failed"  # what is extracted is what the sources say
    message.state = {"done": State.DONE, "stopped": State.STOPPED, "failed": State.FAILED}[ending.state]
    message.tokens_in, message.tokens_out = ending.tokens_in, ending.tokens_out
    message.milliseconds, message.beat_at = ending.milliseconds, timezone.now()
    return _write(message, marked(message, citations)) and message.awaits_check


def _notes(message: Message, ending: Ending) -> list[str]:
    """In the language of whoever asked."""
    with translation.override(message.conversation.user.language or translation.get_language()):
        if ending.state == "failed":
            return [f"{gettext(ending.error)} {gettext(FALLBACK)}".strip()]
        return [gettext(CUT_SHORT)] if ending.ending == "length" else []


def _extracted(message: Message, citations: Sequence[Citation]) -> str:
    """The sentences of the passages whose documents are there, under the numbers that they have."""
    there = [citation for citation in citations if citation.document and citation.document.deleted_at is None]
    passages = with_parts([passage_of(citation) for citation in there])
    try:
        text = "\n\n".join(open_answerer("extractive").answer(message.searched or message.question, passages))
    except Exception:
        log.exception("No sentences could be chosen for message %s", message.pk)
        return ""
    numbers = {place: citation.number for place, citation in enumerate(there, 1)}
    return renumbered(checked(text, numbers), numbers)


def marked(message: Message, citations: list[Citation]) -> list[Citation]:
    """The sources with what the answer uses of them."""
    sources = cite(message.answer if message.is_answered else "", by_number(citations))
    for citation in citations:
        source = sources[citation.number - 1]
        citation.marks, citation.is_cited = list(source.marks), source.is_cited
        citation.page, citation.heading_path = source.page, list(source.heading_path)
    return citations


@transaction.atomic
def _write(message: Message, citations: Sequence[Citation]) -> bool:
    """Whether it was this that ended the message."""
    if not Message.objects.select_for_update().filter(pk=message.pk, state=State.WRITING):
        return False  # ended by another meanwhile
    message.save(update_fields=WRITTEN)
    Citation.objects.bulk_update(citations, ["marks", "is_cited", "page", "heading_path"])
    return True


def by_number(citations: Sequence[Citation]) -> list[Passage]:
    """The passages such that [n] is the n-th; a number that has no source has an empty one."""
    passages = with_parts([passage_of(citation) for citation in citations])
    known = {citation.number: passage for citation, passage in zip(citations, passages, strict=True)}
    return [known.get(number, GONE) for number in range(1, max(known, default=0) + 1)]


def passage_of(citation: Citation) -> Passage:
    """The passage as it was found."""
    document = citation.document
    return Passage(
        chunk_id=citation.chunk_id or 0,
        document_id=document.pk if document else NOBODY,
        knowledge_base_id=document.knowledge_base_id if document else NOBODY,
        title=citation.title,
        text=citation.text,
        start=citation.start,
        end=citation.end,
        heading_path=tuple(citation.heading_path),
        page=citation.page,
        boxes=tuple(tuple(box) for box in citation.boxes),
        score=citation.score,
        ranks=citation.ranks,
    )
