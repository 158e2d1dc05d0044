"""Documents with text in them, for the tests of the pages."""

import hashlib
import itertools

from kb.files import path_of
from kb.models import Chunk, Chunking, Document, KnowledgeBase, Section

_numbers = itertools.count()
WORD = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"


def a_document(base: KnowledgeBase, title: str = "Travel policy", **fields) -> Document:
    """A ready document, unless the fields say otherwise."""
    number = next(_numbers)
    values = {
        "name": f"document-{number}.docx",
        "media_type": WORD,
        "size": 1000 + number,
        "sha256": hashlib.sha256(str(number).encode()).hexdigest(),
        "status": Document.Status.READY,
        **fields,
    }
    return Document.objects.create(knowledge_base=base, title=title, **values)


def with_text(document: Document, *parts: tuple | str) -> list[Section]:
    """Sections of these parts: a text for a paragraph, or (kind, text, fields)."""
    sections, start = [], 0
    for ordinal, part in enumerate(parts):
        kind, text, fields = part if isinstance(part, tuple) else ("paragraph", part, {})
        sections.append(Section(document=document, ordinal=ordinal, kind=kind, text=text, start=start, **fields))
        start += len(text) + 2
    Document.objects.filter(pk=document.pk).update(characters=start)
    return Section.objects.bulk_create(sections)


def a_chunk(document: Document, section: Section, **fields) -> Chunk:
    """A passage that is a whole section."""
    base = document.knowledge_base
    chunking = Chunking.objects.get_or_create(knowledge_base=base, tokenizer="words", tokens=100, overlap=0)[0]
    values = {
        "text": section.text,
        "start": section.start,
        "end": section.start + len(section.text),
        "ordinal": section.ordinal,
        "tokens": 10,
        "digest": hashlib.sha256(section.text.encode()).hexdigest(),
        **fields,
    }
    return Chunk.objects.create(document=document, chunking=chunking, **values)


def with_original(document: Document, content: bytes) -> Document:
    """The document with this file behind it."""
    document.sha256, document.size = hashlib.sha256(content).hexdigest(), len(content)
    document.save()
    path = path_of(document.sha256)
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        path.write_bytes(content)
    return document
