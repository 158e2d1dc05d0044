"""Documents with words in them, for tests of what is found in their texts."""

import hashlib
import itertools
import random
from datetime import timedelta

from django.utils import timezone

from kb.models import Document, KnowledgeBase, Section

_number = itertools.count(1)
START = timezone.now() - timedelta(days=30)


def paper(base: KnowledgeBase, name: str, text: str, **fields) -> Document:
    """A document that was made ready; each is a day younger than the one before."""
    number = next(_number)
    came = START + timedelta(hours=number)
    values = {
        "title": name.rpartition(".")[0], "media_type": "text/plain", "size": len(text), "status": "ready",
        "sha256": hashlib.sha256(f"{number}".encode()).hexdigest(), "created_at": came, "ready_at": came,
        "characters": len(text), **fields,
    }  # fmt: skip
    document = Document.objects.create(knowledge_base=base, name=name, **values)
    start = 0
    for ordinal, part in enumerate(text.split("\n\n")):
        Section.objects.create(document=document, ordinal=ordinal, kind="paragraph", text=part, start=start)
        start += len(part) + 2
    return document


def prose(seed: int, words: int = 400, changed: float = 0.0) -> str:
    """Always the same words for a seed, of which a share may be changed."""
    source, changes = random.Random(seed), random.Random(seed * 1000 + int(changed * 1000))
    plain = [f"w{source.randrange(5000)}" for _ in range(words)]
    return " ".join(f"new{changes.randrange(5000)}" if changes.random() < changed else word for word in plain)
