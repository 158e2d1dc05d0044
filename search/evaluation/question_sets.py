"""Saved questions: kept from a form, a file or an answer."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import IO

from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from kb.models import KnowledgeBase, User
from search.evaluation.question_files import Asked, Read, Wanted, read
from search.evaluation.question_matching import Matcher
from search.evaluation.relevance import Place, text_of
from search.models import Message, Question, QuestionSet, Relevant

MOST_NAME = 120


@dataclass(frozen=True)
class Imported:
    """What became of a file: the set, how many questions are new in it, and sentences about what did not fit.

    Of the questions, `complete` know a document, and `unanswerable` are known to have no answer here.
    """

    question_set: QuestionSet
    added: int
    complete: int
    faults: tuple[str, ...]
    unanswerable: int = 0

    @property
    def sentence(self) -> str:
        """The whole in a sentence or two."""
        kept = ngettext(
            "One question is in “%(name)s”; %(complete)d of it knows its document.",
            "%(n)d questions are in “%(name)s”; %(complete)d of them know their document.",
            self.added,
        ) % {"n": self.added, "name": self.question_set.name, "complete": self.complete}
        return f"{kept} {self._refused}".strip()

    @property
    def _refused(self) -> str:
        if not self.unanswerable:
            return ""
        return ngettext(
            "For one the document is left empty: nothing here is to answer it.",
            "For %(n)d the document is left empty: nothing here is to answer them.",
            self.unanswerable,
        ) % {"n": self.unanswerable}


def set_named(knowledge_base: KnowledgeBase, name: str, user: User | None = None) -> QuestionSet:
    """The set of this name, made where there is none."""
    return QuestionSet.objects.get_or_create(
        knowledge_base=knowledge_base, name=name.strip()[:MOST_NAME], defaults={"created_by": user}
    )[0]


def keep(question_set: QuestionSet, text: str, places: Iterable[tuple[Place, int]], origin: str) -> Question:
    """A question with what answers it; one that is in the set already gets what is new of that.

    A place is told with how well it answers (1: it does; more: better).
    """
    question = question_set.questions.filter(text=text).first()
    question = question or Question.objects.create(question_set=question_set, text=text, origin=origin)
    for place, grade in places:
        add_relevant(question, place, grade)
    return question


def keep_unanswerable(question_set: QuestionSet, text: str, origin: str) -> Question:
    """A question that nothing here answers, and that is to be refused."""
    question = question_set.questions.filter(text=text).first()
    question = question or Question.objects.create(question_set=question_set, text=text, origin=origin)
    mark_unanswerable(question)
    return question


def mark_unanswerable(question: Question) -> None:
    """From now on nothing here answers it."""
    question.relevant.all().delete()
    _mark(question, has_answer=False)


def mark_answerable(question: Question) -> None:
    """From now on something here answers it, which may still have to be said."""
    _mark(question, has_answer=True)


def _mark(question: Question, *, has_answer: bool) -> None:
    question.has_answer = has_answer
    question.save(update_fields=["has_answer"])


def add_relevant(question: Question, place: Place, grade: int = 1) -> Relevant:
    """One thing more that answers a question, which thereby has an answer here."""
    if not question.has_answer:
        mark_answerable(question)
    quote = "" if place.start is None else text_of(place.document_id)[place.start : place.end]
    return Relevant.objects.get_or_create(
        question=question, document_id=place.document_id, start=place.start, end=place.end,
        defaults={"quote": quote, "grade": grade},
    )[0]  # fmt: skip


def keep_from_message(message: Message, *, knowledge_bases: Iterable[KnowledgeBase], origin: str = "chat") -> list:
    """Save an answer's question, with the passages that it cites as the right ones; returns the questions.

    Only in these knowledge bases, which the caller has found the person to be allowed to write to; a set for each of
    those that the answer cites. A follow-up is saved as what was searched for, which stands for itself.
    """
    allowed = {one.pk: one for one in knowledge_bases}
    cited = message.citations.filter(is_cited=True, document__deleted_at=None).select_related("document")
    places: dict = {}
    for citation in cited.order_by("number"):
        if citation.document and citation.document.knowledge_base_id in allowed:
            found = Place(citation.document.pk, citation.start, citation.end)
            places.setdefault(citation.document.knowledge_base_id, []).append((found, 1))
    text = message.searched or message.question
    with transaction.atomic():
        return [
            keep(set_named(allowed[base], _("Kept from answers")), text, found, origin)
            for base, found in places.items()
        ]


def import_file(knowledge_base: KnowledgeBase, file: IO[bytes], *, name: str, set_name: str, user: User) -> Imported:
    """The same of a CSV, JSONL or BEIR file. Raises QuestionFileError, having saved nothing."""
    return import_questions(knowledge_base, read(file, name), set_name=set_name, user=user)


def import_questions(knowledge_base: KnowledgeBase, content: Read, *, set_name: str, user: User) -> Imported:
    """Save questions with the documents that they name.

    A question whose documents were not found is saved without them, to be completed by hand; one for which none is
    named where there is a place for it, as one that nothing here answers.
    """
    matcher = Matcher(knowledge_base)
    faults, rows = list(content.faults), []
    for asked in content.asked:
        places, wrong = _placed(asked, matcher)
        rows.append((asked, places))
        faults += wrong
    with transaction.atomic():
        question_set = set_named(knowledge_base, set_name, user)
        _keep_all(question_set, [(asked.question, places) for asked, places in rows], matcher)
        unanswerable = [asked.question for asked, _places in rows if not asked.has_answer]
        _mark_all(question_set, unanswerable)
    complete = sum(bool(places) for _asked, places in rows)
    return Imported(question_set, len(rows), complete, tuple(faults), len(unanswerable))


def _mark_all(question_set: QuestionSet, unanswerable: Sequence[str]) -> None:
    """Those that have no document have no answer from now on; what people gave a document keeps it."""
    questions = question_set.questions.all()
    for first in range(0, len(unanswerable), 500):
        marked = questions.filter(text__in=unanswerable[first : first + 500], relevant=None)
        questions.filter(pk__in=list(marked.values_list("pk", flat=True))).update(has_answer=False)
    questions.filter(has_answer=False).exclude(relevant=None).update(has_answer=True)


def _keep_all(question_set: QuestionSet, rows: Sequence[tuple[str, list[tuple[Place, int]]]], matcher: Matcher) -> None:
    """As `keep`, for many in four queries."""
    known = set(question_set.questions.values_list("text", flat=True))
    Question.objects.bulk_create(
        [
            Question(question_set=question_set, text=text, origin="uploaded")
            for text, _places in rows
            if text not in known
        ],
        batch_size=500,
    )
    numbers = dict(question_set.questions.values_list("text", "pk"))
    there = Relevant.objects.filter(question__question_set=question_set)
    have = set(there.values_list("question", "document", "start", "end"))
    wanted = {
        (numbers[text], place.document_id, place.start, place.end): (place, grade)
        for text, places in rows
        for place, grade in places
    }
    Relevant.objects.bulk_create(
        [
            Relevant(
                question_id=key[0], document_id=key[1], start=key[2], end=key[3], grade=grade,
                quote="" if place.start is None else matcher.quote(place),
            )
            for key, (place, grade) in wanted.items()
            if key not in have
        ],
        batch_size=500,
    )  # fmt: skip


def _placed(asked: Asked, matcher: Matcher) -> tuple[list[tuple[Place, int]], list[str]]:
    places, faults = [], []
    if asked.has_answer and not asked.wanted:
        faults.append(_("%(place)s: “%(question)s” names no document.") % _said(asked))
    for wanted in asked.wanted:
        document = matcher.document(wanted)
        if document is None:
            faults.append(_missing(asked, wanted))
            continue
        exact = matcher.place(document, wanted.passage) if wanted.passage else None
        if wanted.passage and exact is None:
            faults.append(
                _("%(place)s: “%(document)s” does not say “%(passage)s”; the whole document counts as the answer.")
                % {**_said(asked), "document": wanted.document, "passage": wanted.passage[:80]}
            )
        places.append((exact or Place(document), wanted.grade))
    return places, faults


def _said(asked: Asked) -> dict[str, str]:
    return {"place": asked.place, "question": asked.question[:80]}


def _missing(asked: Asked, wanted: Wanted) -> str:
    called = wanted.document or wanted.passage[:80]
    if wanted.title and wanted.title != called:
        called = f"{called} ({wanted.title[:80]})"
    return _("%(place)s: there is no document “%(document)s” for “%(question)s”.") % {
        **_said(asked),
        "document": called,
    }


def counted(question_sets: Sequence[QuestionSet]) -> Sequence[QuestionSet]:
    """The sets as they are, each with its counts: `.number` of questions, those that are `.unanswerable` here, and
    those that are `.incomplete`, as they have no document."""
    for one in question_sets:
        one.number = one.questions.count()  # type: ignore[attr-defined]
        one.unanswerable = one.questions.filter(has_answer=False).count()  # type: ignore[attr-defined]
        one.incomplete = incomplete(one.questions.all()).count()  # type: ignore[attr-defined]
    return question_sets


def has_complete(one: QuestionSet) -> bool:
    """Whether a counted set has a question to measure the search by."""
    return one.number > one.incomplete + one.unanswerable  # type: ignore[attr-defined]


def complete(questions):
    """Those of the questions that have a document which is still there."""
    return questions.filter(relevant__document__deleted_at=None, relevant__grade__gt=0).distinct()


def incomplete(questions):
    """Those for which a document is still to be named."""
    return questions.filter(has_answer=True).exclude(pk__in=complete(questions.order_by()).values("pk"))
