"""Of five revisions of a policy it is the current one that is found first."""

import io

import pytest

from ingestion import embed, pipeline, queue
from ingestion.receive import receive
from kb.models import Document
from search import lane
from search.organising.near_duplicates import compare_new
from search.retrieve import retrieve

SUBJECTS = (
    "work abroad", "hotel prices", "private cars", "daily meals", "train journeys", "parental leave", "laptops",
    "training courses", "phone contracts", "overtime", "visitors", "parking", "sick notes", "bicycles", "gifts",
    "home offices", "insurance", "security badges", "archives", "translations",
)  # fmt: skip
ALSO = "in writing before the costs arise, as the rules for all teams and offices of the company ask for"


def text_of(revision: int) -> str:
    """A section a subject: the limit changes with each revision, the words around it do not."""
    return "\n\n".join(
        f"## On {subject}\n\nThe limit for {subject} is {100 * revision + n} a year. Whoever needs more for {subject}"
        f" asks the head of finance {ALSO}. Form {n} is used for it."
        for n, subject in enumerate(SUBJECTS)
    )


@pytest.fixture
def library(handbook, embedder, monkeypatch):
    """Five revisions that went the way of all files, uploaded in no order."""
    monkeypatch.setattr(lane, "embed_query", lambda preset, text, instruction=None: embedder.embed_query(text))
    for revision in (3, 1, 5, 2, 4):
        file = io.BytesIO(f"# Company rules\n\n{text_of(revision)}".encode())
        sent = receive(file, knowledge_base=handbook, user=None, name=f"Company rules v{revision}.md")
        pipeline.parse_document(str(sent.document.pk))
    embed.embed_missing()
    assert set(Document.objects.values_list("status", flat=True)) == {"ready"}
    return handbook


def share_of(base, name: str) -> float:
    """The share of questions whose first passage is of the document of this name."""
    names = {document.pk: document.name for document in Document.objects.all()}
    first = [
        retrieve(f"What is the limit for {subject}?", knowledge_bases=[base]).passages[0].document_id
        for subject in SUBJECTS
    ]
    return sum(names[pk] == name for pk in first) / len(first)


def test_the_current_revision_is_found_first(library):
    before = share_of(library, "Company rules v5.md")
    compare_new(library)
    assert before < 0.5
    assert share_of(library, "Company rules v5.md") >= 0.95


def test_when_the_current_revision_is_deleted_the_one_before_is_current(library):
    compare_new(library)
    queue.delete(Document.objects.get(name="Company rules v5.md"))
    assert share_of(library, "Company rules v4.md") >= 0.95
