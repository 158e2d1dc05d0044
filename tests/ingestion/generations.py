"""Knowledge bases on their way to another index, for the tests of it."""

from ingestion import embed
from ingestion.tend import start_generations
from ingestion.work import cut_for
from kb.models import Document, KnowledgeBase, Section, digest_of
from search.generations.current import serving_index
from search.models import Index, Preset, SearchSettings
from tests.engines import DIMENSION

State = Index.State
TOPICS = "kiln glaze clay wheel oven brush salt ash stone water".split()


def send(base: KnowledgeBase, number: int, words: int = 30) -> Document:
    """A document of its own words, as long as asked, read and cut; it waits to be embedded."""
    text = f"Report {number}. " + " ".join(
        f"The {TOPICS[n % 10]} of entry {number}-{n} was noted." for n in range(words)
    )
    document = Document.objects.create(
        knowledge_base=base, title=f"report-{number}", name=f"report-{number}.txt", media_type="text/plain",
        size=len(text), sha256=digest_of(f"{base.pk} {text}"), stage=Document.Stage.EMBEDDING, characters=len(text),
    )  # fmt: skip
    Section.objects.create(document=document, ordinal=0, kind=Section.Kind.PARAGRAPH, text=text, start=0)
    cut_for(serving_index(base), [document])
    Document.objects.filter(pk=document.pk).update(progress_total=document.chunks.count())
    return document


def fill(base: KnowledgeBase, numbers) -> list[Document]:
    """Finished documents."""
    sent = [send(base, number) for number in numbers]
    embed.embed_missing()
    for document in sent:
        document.refresh_from_db()
    return sent


def preset(name: str, **fields) -> Preset:
    """Another one that the quick engine serves."""
    values = {
        "engine": "words", "model": "sentence-transformers/all-MiniLM-L6-v2", "dimension": DIMENSION, "shortest": 8,
        "revision": name, "max_tokens": 256, **fields,
    }  # fmt: skip
    return Preset.objects.create(name=name, **values)


def ask_for(base: KnowledgeBase, **fields) -> SearchSettings:
    """Settings of the knowledge base, saved."""
    return SearchSettings.objects.update_or_create(knowledge_base=base, defaults=fields)[0]


def work() -> None:
    """What the reconciler and the embed worker do, until nothing changes."""
    for _ in range(3):
        start_generations()
        embed.embed_missing()


def index_of(base: KnowledgeBase, state: str) -> Index | None:
    return Index.objects.filter(knowledge_base=base, state=state).first()
