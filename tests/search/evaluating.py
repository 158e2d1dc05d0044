"""A knowledge base with saved questions, engines that answer at once, and runs that are done where they are started."""

import zlib

import numpy as np
import pytest

from search.evaluation import evaluate
from search.keywords import Entry, open_keywords
from search.models import EvaluationRun, Question, QuestionSet, Relevant
from tests.search.library import DIMENSION, add_document

TEXTS = {
    "vacation": "Everyone has thirty days of vacation a year.",
    "parking": "Cars are parked behind the building.",
    "lunch": "The canteen serves lunch from noon to two.",
    "badge": "A lost badge is reported to the reception desk.",
}


def vector_of(text: str) -> np.ndarray:
    """Texts with words in common are near."""
    total = np.full(DIMENSION, 1e-3, np.float32)
    for word in text.lower().replace(".", "").replace("?", "").split():
        total += np.random.default_rng(zlib.crc32(word.encode())).standard_normal(DIMENSION).astype(np.float32)
    return total / np.linalg.norm(total)


@pytest.fixture
def engines(settings, tmp_path, monkeypatch):
    """An own keyword index; vectors found exactly; questions embedded by their words; a silent broker.

    Returns the questions that were embedded (one that is remembered is not embedded again) and the messages sent.
    """
    settings.KB_DATA, settings.KB_VECTOR_STORE = tmp_path, "exact"
    seen, remembered = {"embedded": [], "sent": []}, set()

    def embed_query(preset, text, instruction=None):
        if text not in remembered:
            seen["embedded"].append(text)
            remembered.add(text)
        return vector_of(text)

    monkeypatch.setattr("search.lane.embed_query", embed_query)
    monkeypatch.setattr("search.lane.forget", remembered.clear)
    monkeypatch.setattr("search.lane.embed_texts", lambda preset, texts: np.stack([vector_of(text) for text in texts]))
    monkeypatch.setattr("search.evaluation.jobs.send", lambda *message: seen["sent"].append(message) or True)
    return seen


def shelve(index, texts=None):
    """Documents in the database and in the keyword index, by their titles."""
    found = {}
    for title, text in (texts or TEXTS).items():
        document = add_document(index, text, title=title, vectors=[vector_of(text)])
        open_keywords().add(
            Entry(chunk.pk, document.pk, index.pk, document.title, "", chunk.text) for chunk in document.listed
        )
        found[title] = document
    return found


def keep(base, text, document, name="Everyday", **relevant):
    """A saved question whose answer is in this document."""
    question_set = QuestionSet.objects.get_or_create(knowledge_base=base, name=name)[0]
    question = Question.objects.create(question_set=question_set, text=text, origin="typed")
    Relevant.objects.create(question=question, document=document, **relevant)
    return question


def done(base, **options) -> EvaluationRun:
    """A run, started and worked on until nothing is left."""
    run = evaluate.start(base, **options)
    evaluate.run(run.pk)
    run.refresh_from_db()
    return run
