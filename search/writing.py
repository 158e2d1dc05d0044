"""Have a language model answer: find the passages, hand them to the process that writes, keep what it will fill in."""

import logging
import time
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager

from django.utils.translation import gettext_lazy as _

from kb.acting import about
from kb.models import KnowledgeBase
from search import answer_lane
from search.answer_lane import AnswerLaneError
from search.answerers.extractive import ExtractiveAnswerer
from search.chat.prompt import pack, rewriting
from search.cite import cite
from search.closest import closest_documents
from search.conversations.places import standing
from search.conversations.record import questions_before, record
from search.follow_up import standalone
from search.models import ChatModel, Conversation, Message
from search.passage import Passage
from search.retrieve import retrieve
from search.structure import with_parts

log = logging.getLogger(__name__)

PASSAGES = 12  # offered to the model, as far as they fit
SHOWN = 8  # of the nearest, where nothing answers
REMEMBERED = 4  # exchanges before the question
REWRITE_SECONDS = 4.0
LONGEST_REWRITE = 600  # characters; a longer one is no question
AWAY = _("The process that writes answers does not answer.")


def begin_writing(
    conversation: Conversation, question: str, *, model: ChatModel, knowledge_bases: Iterable[KnowledgeBase],
    mode: str = "hybrid", instead_of: Message | None = None,
) -> Message:  # fmt: skip
    """The question with its sources, kept; its answer is being written, or nothing that was found answers it."""
    began = time.monotonic()
    history = _history(conversation, instead_of)
    searched = standalone_question(question, history, questions_before(conversation, instead_of), model)
    scope = list(knowledge_bases)
    found = retrieve(searched, knowledge_bases=scope, mode=mode, limit=PASSAGES)
    passages = with_parts(found.passages)
    message = Message(
        conversation=conversation, question=question, searched=searched, mode=mode,
        notes=[str(note) for note in found.notes], chat_model=model, model_name=model.label,
    )  # fmt: skip
    if not passages or not ExtractiveAnswerer().is_answered_by(searched, passages):
        return _unanswered(message, passages, scope, began)
    _hand_over(message, passages, history, model)
    return message


def name_of(message: Message) -> str:
    """What the answer is called in the process that writes it."""
    return f"message-{message.pk}"


def _unanswered(
    message: Message, passages: Sequence[Passage], knowledge_bases: Sequence[KnowledgeBase], began: float
) -> Message:
    closest = closest_documents(message.searched, passages, knowledge_bases=knowledge_bases)
    message.closest = [str(document.pk) for document in closest]
    message.milliseconds = round((time.monotonic() - began) * 1000)
    record(message, cite("", passages[:SHOWN]))
    return message


def _hand_over(
    message: Message, passages: Sequence[Passage], history: Sequence[tuple[str, str]], model: ChatModel
) -> None:
    packed = pack(
        message.searched, passages, budget=model.context_tokens - model.answer_tokens, history=history,
        instructions=model.instructions,
    )  # fmt: skip
    message.state = Message.State.WRITING
    record(message, cite("", packed.passages))
    try:
        with about(passage.knowledge_base_id for passage in packed.passages):
            answer_lane.begin(name_of(message), model.pk, packed.turns, len(packed.passages), message=message.pk)
    except AnswerLaneError as error:
        log.warning("An answer could not be begun: %s", error)
        end_without_model(message, str(AWAY))


def end_without_model(message: Message, why: str) -> None:
    """Answer with the passages' own sentences, and say why."""
    from search.answering.keep import keep
    from search.answering.runs import Ending

    with about_sources_of(message):
        keep(message.pk, "", Ending("failed", kind="away", error=why))
    message.refresh_from_db()


def about_sources_of(message: Message) -> AbstractContextManager[None]:
    """Within, what is asked of models is about the knowledge base that the message's sources are of."""
    return about(message.citations.values_list("document__knowledge_base_id", flat=True))


def _history(conversation: Conversation, instead_of: Message | None = None) -> list[tuple[str, str]]:
    """The exchanges before, as (question, answer); what was asked or answered again counts once."""
    before = [one for one in standing(conversation, before=instead_of) if one.state != Message.State.WRITING]
    return [(one.question, one.answer) for one in before[-REMEMBERED:]]


def standalone_question(
    question: str, history: Sequence[tuple[str, str]], questions: Sequence[str], model: ChatModel
) -> str:
    """By the model where it answers soon enough, else by the words of the questions before."""
    if not history:
        return question
    try:
        turns = rewriting(question, history, budget=model.context_tokens - model.answer_tokens)
        rewritten = answer_lane.complete(model.pk, turns, seconds=REWRITE_SECONDS).strip().strip('"“”「」')
    except AnswerLaneError as error:
        log.info("The question was completed without the model: %s", error)
        rewritten = ""
    if rewritten and len(rewritten) <= LONGEST_REWRITE and "\n" not in rewritten:
        return rewritten
    return standalone(question, questions)
