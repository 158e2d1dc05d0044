"""Answer a program's question out of knowledge bases, piece by piece; nothing of it is kept."""

import logging
import uuid
from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from uuid import UUID

from django.db import connection
from django.utils import translation
from django.utils.translation import gettext as _

from kb.acting import about
from kb.models import Document, KnowledgeBase
from search import answer_lane
from search.answer_lane import AnswerLaneError
from search.answerers import open_answerer
from search.answerers.extractive import ExtractiveAnswerer
from search.answering.keep import FALLBACK
from search.bear_out import held
from search.chat import Turn
from search.chat.models import chosen_for
from search.chat.prompt import pack, tokens_in
from search.cite import Source, checked, cite, in_order, numbers_in
from search.closest import closest_documents
from search.compose import escape
from search.follow_up import standalone
from search.models import ChatModel
from search.openai_api.question import Question
from search.passage import Passage
from search.retrieve import retrieve
from search.structure import with_parts
from search.terms import is_chinese
from search.writing import AWAY, PASSAGES, SHOWN, standalone_question

log = logging.getLogger(__name__)

ENGLISH, CHINESE = "en", "zh-hans"  # of settings.LANGUAGES


@dataclass(frozen=True)
class Found:
    """A question on its way: as it was searched for, the passages under the numbers they are cited by, and, where a
    language model shall answer, what it is told. `answers` says whether the passages answer it at all; where they do
    not, `closest` are the documents that come closest."""

    searched: str
    passages: tuple[Passage, ...]
    notes: tuple[str, ...]
    answers: bool
    model: ChatModel | None = None
    turns: tuple[Turn, ...] = ()
    closest: tuple[Document, ...] = ()


@dataclass(frozen=True)
class Written:
    """An answer's end: the whole of it, whether it is one, its sources, what there is to say about it, why it ended
    ("stop" or "length"), its tokens, and the language model that wrote it; `writer` is empty where these are the
    passages' own sentences.

    `text` may have numbers that the pieces had not: of passages that bear out what the model cited nothing for.
    Where nothing answers the question, `closest` are the documents that come closest.
    """

    text: str
    answered: bool
    sources: tuple[Source, ...]
    notes: tuple[str, ...]
    ending: str
    tokens_in: int
    tokens_out: int
    writer: str = ""
    closest: tuple[Document, ...] = ()


def find(question: Question, knowledge_bases: Sequence[KnowledgeBase]) -> Found:
    """The passages for a question, and what a language model is told where there is one."""
    model = chosen_for(None)
    before = [asked for asked, _answer in question.history]
    if model:
        searched = standalone_question(question.text, question.history, before, model)
    else:
        searched = standalone(question.text, before)
    found = retrieve(searched, knowledge_bases=knowledge_bases, limit=PASSAGES if model else SHOWN)
    passages, notes = tuple(with_parts(found.passages)), tuple(map(str, found.notes))
    if not passages or not ExtractiveAnswerer().is_answered_by(searched, passages):
        closest = closest_documents(searched, passages, knowledge_bases=knowledge_bases)
        return Found(searched, passages[:SHOWN], notes, answers=False, closest=tuple(closest))
    return _packed(question, Found(searched, passages, notes, answers=True), model)


def _packed(question: Question, found: Found, model: ChatModel | None) -> Found:
    if model is None:
        return found
    instructions = "\n\n".join(filter(None, (model.instructions, question.instructions)))
    budget = model.context_tokens - model.answer_tokens
    packed = pack(found.searched, found.passages, budget=budget, history=question.history, instructions=instructions)
    return Found(found.searched, packed.passages, found.notes, True, model, packed.turns)


def write(found: Found, *, address: Callable[[UUID], str]) -> Generator[str | Written]:
    """Pieces of the answer, at last what it rests on. Closing the iterator ends the model's work.

    An empty piece comes twice a second while the model is silent: whoever reads looks whether it is still wanted.
    `address` gives the link to a document, for those that come closest where nothing answers.
    """
    if not found.answers:
        return _refused(found, address)
    if found.model is None:
        return _extracted(found, address)
    return _by_model(found, found.model)


def _refused(found: Found, address: Callable[[UUID], str]) -> Generator[str | Written]:
    """In the question's language, as far as the product speaks it: whoever holds the key may speak another."""
    with translation.override(CHINESE if is_chinese(found.searched) else ENGLISH):
        text = _("Nothing in the documents answers this question.")
        text += f" {_('These come closest:')}\n" if found.closest else ""
    titles = ((escape(" ".join(one.title.split())), address(one.pk)) for one in found.closest)
    text = "\n".join([text, *(f"- [{title}]({link})" for title, link in titles)]) if found.closest else text
    yield text
    yield replace(_end(found, found.passages, text, answered=False), closest=found.closest)


def _end(
    found: Found, passages: Sequence[Passage], text: str, notes: Sequence[str] = (), *, answered: bool = True
) -> Written:
    tokens = tokens_in(found.searched), tokens_in(text)
    return Written(text, answered, cite(text, passages), (*found.notes, *notes), "stop", *tokens)


def _extract(found: Found) -> str:
    blocks = open_answerer("extractive").answer(found.searched, found.passages)
    return checked("\n\n".join(blocks), len(found.passages)).strip()


def _extracted(found: Found, address: Callable[[UUID], str]) -> Generator[str | Written]:
    text = _extract(found)
    if not numbers_in(text):
        yield from _refused(found, address)
        return
    text, passages = in_order(text, found.passages)
    yield text
    yield _end(found, passages, text)


def _by_model(found: Found, model: ChatModel) -> Generator[str | Written]:
    """Where the model fails, the passages' own sentences follow what it has written so far."""
    connection.close()  # nobody else needs to wait for it while the model thinks
    text, ending = "", {"state": "failed", "error": str(AWAY)}
    try:
        name = f"api-{uuid.uuid4().hex}"
        with about(passage.knowledge_base_id for passage in found.passages):
            answer = answer_lane.stream(name, model.pk, found.turns, len(found.passages))
        with closing(answer) as lines:
            for line in lines:
                text += line.get("text", "")
                ending = line.get("ending") or ending
                if "ending" not in line:
                    yield line.get("text", "")
    except AnswerLaneError as error:
        log.warning("A program's question could not be answered by %s: %s", model, error)
    if ending["state"] == "failed":
        yield from _instead(found, text, ending["error"] or str(AWAY))
    else:
        yield _ended(found, text, ending, model.label)


def _instead(found: Found, so_far: str, why: str) -> Generator[str | Written]:
    note, extracted = f"{why} {FALLBACK}", _extract(found)
    rest = "\n\n".join(filter(None, (note, extracted)))
    rest = f"\n\n{rest}" if so_far else rest
    connection.close()  # it may take long until the next piece is wanted
    yield rest
    yield _end(found, found.passages, so_far + rest, [note], answered=bool(so_far.strip() or extracted))


def _ended(found: Found, text: str, ending: dict, writer: str) -> Written:
    """With the tokens that the model's server counted, else with an estimate."""
    asked = sum(tokens_in(turn["content"]) for turn in found.turns)
    why = "length" if ending.get("ending") == "length" else "stop"
    read, wrote = ending.get("tokens_in") or asked, ending.get("tokens_out") or tokens_in(text)
    answer = held(text[ending.get("begins", 0) :].strip(), found.passages, is_kept=False)
    connection.close()
    sources = cite(answer.text if answer.is_answered else "", found.passages)
    return Written(answer.text, answer.is_answered, sources, found.notes, why, read, wrote, writer)
