"""Turn what was parsed into sections, and sections into chunks, as the database keeps them."""

from ingestion.chunk import Piece, chunk
from ingestion.parse import ParsedDocument
from kb.models import Chunk, Chunking, Document, Section, digest_of
from search.models import Preset
from search.tokenize import tokenizer_of


def sections_of(document: Document, parsed: ParsedDocument) -> list[Section]:
    """Rows for the parsed sections, with their places in the document's text."""
    rows, start = [], 0
    for ordinal, section in enumerate(parsed.sections):
        lines = [[a + start, b + start, *place] for a, b, *place in section.lines]
        rows.append(
            Section(
                document=document,
                ordinal=ordinal,
                kind=section.kind,
                depth=section.depth,
                text=section.text,
                start=start,
                page=section.page,
                heading_path=list(section.heading_path),
                lines=lines,
                table=section.table,
            )
        )
        start += len(section.text) + 2
    return rows


def piece_of(section: Section) -> Piece:
    """What the chunker reads of a section."""
    return Piece(
        text=section.text, kind=section.kind, start=section.start, depth=section.depth, page=section.page,
        heading_path=tuple(section.heading_path), lines=tuple(map(tuple, section.lines)), table=section.table,
    )  # fmt: skip


def chunks_of(document: Document, sections: list[Section], preset: Preset, chunking: Chunking) -> list[Chunk]:
    """Rows for the chunks of these sections, cut as `chunking` says, none longer than the preset's model reads."""
    spans = chunk(
        [piece_of(section) for section in sections],
        title=document.title,
        tokenizer=tokenizer_of(preset),
        limit=chunking.tokens,
        overlap=chunking.overlap,
        max_model_tokens=preset.max_tokens,
        instruction=preset.document_instruction,
    )
    return [
        Chunk(
            document=document,
            chunking=chunking,
            ordinal=ordinal,
            text=span.text,
            heading_path=list(span.heading_path),
            page=span.page,
            start=span.start,
            end=span.end,
            boxes=list(span.boxes),
            tokens=span.tokens,
            digest=digest_of(span.embedded_text),
            context=span.context,
        )
        for ordinal, span in enumerate(spans)
    ]
