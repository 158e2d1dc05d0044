"""Keep an answer in its message: while it is written, and when it has ended."""

import logging
from collections.abc import Sequence

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from kb.models import Document
from search.answerers import open_answerer
from search.answering.runs import Ending
from search.cite import checked, cite, numbers_in
from search.models import Citation, Message
from search.passage import Passage
from search.structure import with_parts
from search.support import supports_of

log = logging.getLogger(__name__)
State = Message.State
FALLBACK = _("Instead, here are the passages' own sentences.")


def keep_so_far(message_id: int, text: str) -> None:
    """What is written until now, and that somebody is writing."""
    writing = Message.objects.filter(pk=message_id, state=State.WRITING)
    writing.update(answer=text, beat_at=timezone.now())


def keep(message_id: int, text: str, ending: Ending) -> None:
    """The whole answer with what supports its sentences; where the model failed, the extractive one and a sentence."""
    message = Message.objects.filter(pk=message_id, state=State.WRITING).select_related("conversation").first()
    if message is None:
        return  # deleted, or ended by another
    citations = list(message.citations.filter(document__deleted_at=None).select_related("document").order_by("number"))
    passages = with_parts([passage_of(citation, citation.document) for citation in citations if citation.document])
    if ending.state == "failed":
        text = _extracted(message, passages, ending.error)
    _write(message, citations, passages, checked(text, len(passages)).strip(), ending)


def _extracted(message: Message, passages: Sequence[Passage], why: str) -> str:
    message.notes = [*message.notes, f"{why} {FALLBACK}"]
    return "\n\n".join(open_answerer("extractive").answer(message.searched or message.question, passages))


@transaction.atomic
def _write(message: Message, citations: list[Citation], passages: Sequence[Passage], text: str, ending: Ending) -> None:
    message.answer = text
    message.is_answered = bool(numbers_in(text))
    message.support = [one.as_json() for one in supports_of(text, passages)]
    message.state = {"done": State.DONE, "stopped": State.STOPPED, "failed": State.FAILED}[ending.state]
    message.tokens_in, message.tokens_out, message.milliseconds = (
        ending.tokens_in,
        ending.tokens_out,
        ending.milliseconds,
    )
    message.save()
    for citation, source in zip(citations, cite(text, passages), strict=True):
        citation.marks, citation.is_cited = list(source.marks), source.is_cited
        citation.page, citation.heading_path = source.page, list(source.heading_path)
    Citation.objects.bulk_update(citations, ["marks", "is_cited", "page", "heading_path"])


def passage_of(citation: Citation, document: Document) -> Passage:
    """The passage as it was found."""
    return Passage(
        chunk_id=citation.chunk_id or 0,
        document_id=document.pk,
        knowledge_base_id=document.knowledge_base_id,
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
