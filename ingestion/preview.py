"""How a text would be cut into passages, shown before anything is embedded."""

import re
from dataclasses import dataclass

from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from ingestion.forms import PREVIEW_CHARACTERS, ChunkPreviewForm
from ingestion.rows import chunks_of
from kb.access import get_readable, manageable_by
from kb.models import Chunk, Chunking, Document, KnowledgeBase, Section
from kb.request import Request
from search.generations.wanted import wanted

HEADING = re.compile(r"(#{1,6})\s+(.+)")


@dataclass(frozen=True)
class Cut:
    """A passage: the text that it repeats from the one before it, and the rest."""

    chunk: Chunk
    repeated: str
    text: str


@login_required
@require_http_methods(["GET", "POST"])
def chunk_preview(request: Request, pk) -> HttpResponse:
    """The form, and below it the passages; htmx gets the passages alone."""
    base = get_readable(request.user, pk)
    usual = {"chunk_tokens": base.chunk_tokens, "chunk_overlap": base.chunk_overlap}
    form = ChunkPreviewForm(request.POST or None, knowledge_base=base, initial=usual)
    context = {"knowledge_base": base, "form": form, "most": PREVIEW_CHARACTERS, "cuts": None}
    context["may_manage"] = manageable_by(request.user).filter(pk=base.pk).exists()
    if request.method == "POST" and form.is_valid():
        context["cuts"] = cuts_of(preview(base, **form.cleaned_data))
    template = "ingestion/_chunks.html" if request.htmx else "ingestion/chunk_preview.html"
    return render(request, template, context)


def preview(
    base: KnowledgeBase, *, text: str, document: Document | None, chunk_tokens: int, chunk_overlap: int
) -> list[Chunk]:
    """The passages that these settings make of the beginning of the text, or of the document. Nothing is kept."""
    if document is None or text.strip():
        document = Document(title=_("Your text"), knowledge_base=base)
        sections = sections_of_text(text, document)
    else:
        sections = _beginning(document)
    preset, usual = wanted(base)
    chunking = Chunking(
        knowledge_base=base,
        tokenizer=usual.tokenizer,
        tokens=min(chunk_tokens, preset.max_tokens),
        overlap=chunk_overlap,
    )
    return chunks_of(document, sections, preset, chunking)


def cuts_of(chunks: list[Chunk]) -> list[Cut]:
    """The passages, each parted into what it repeats and what is new in it."""
    cuts, end = [], 0
    for chunk in chunks:
        repeated = max(0, end - chunk.start)
        cuts.append(Cut(chunk, chunk.text[:repeated], chunk.text[repeated:]))
        end = max(end, chunk.end)
    return cuts


def sections_of_text(text: str, document: Document) -> list[Section]:
    """Paragraphs, which blank lines part, and headings, which begin with #; not saved."""
    sections: list[Section] = []
    path: list[str] = []
    start = 0
    for part in filter(None, (part.strip() for part in re.split(r"\n\s*\n", text.replace("\r\n", "\n")))):
        heading = HEADING.fullmatch(part)
        if heading:
            part, depth = heading[2], len(heading[1])
            path = [*path[: depth - 1], part]
        section = Section(
            document=document, ordinal=len(sections), text=part, start=start,
            kind=Section.Kind.HEADING if heading else Section.Kind.PARAGRAPH, depth=len(heading[1]) if heading else 0,
            heading_path=list(path),
        )  # fmt: skip
        sections.append(section)
        start += len(part) + 2
    return sections


def _beginning(document: Document) -> list[Section]:
    shown: list[Section] = []
    length = 0
    for section in Section.objects.filter(document=document)[:400]:
        if shown and length > PREVIEW_CHARACTERS:
            break
        shown.append(section)
        length += len(section.text)
    return shown
