"""Put a question set into a knowledge base as the product would, but for the child process a file."""

import hashlib

from django.db import transaction

from benchmarks.beir import QuestionSet
from ingestion.assemble import assemble
from ingestion.embed import embed_missing
from ingestion.parsed import ParsedDocument
from ingestion.parsers.text import paragraphs
from ingestion.reconcile import free_lost_work
from ingestion.rows import chunks_of, sections_of
from kb.models import Chunk, Document, KnowledgeBase, Section
from search.generations.wanted import wanted


def shelve(questions: QuestionSet) -> KnowledgeBase:
    """The set's knowledge base with every document READY; one that is there already is used as it is.

    A document's id in the set is its `folder` and `name`.
    """
    knowledge_base, is_new = KnowledgeBase.objects.get_or_create(name=questions.name)
    if is_new:
        for key, (title, text) in questions.documents.items():
            _put(knowledge_base, key, title, text)
    free_lost_work()  # of a run that was broken off
    embed_missing()
    unready = knowledge_base.documents.exclude(status=Document.Status.READY).count()
    assert not unready, f"{unready} documents of {questions.name} are not ready."
    return knowledge_base


def _put(knowledge_base: KnowledgeBase, key: str, title: str, text: str) -> None:
    parsed = ParsedDocument(title, "text/plain", "", None, tuple(assemble(paragraphs(text))), (), ())
    if not parsed.sections:
        return
    document = Document(
        knowledge_base=knowledge_base,
        title=title[:300],
        name=key[:255],
        folder=key[255:755],
        media_type="text/plain",
        size=len(text.encode()),
        sha256=hashlib.sha256(f"{key}\n{text}".encode()).hexdigest(),
        stage=Document.Stage.EMBEDDING,
    )
    sections = sections_of(document, parsed)
    with transaction.atomic():
        document.save()
        Section.objects.bulk_create(sections)
        Chunk.objects.bulk_create(chunks_of(document, sections, *wanted(knowledge_base)))
