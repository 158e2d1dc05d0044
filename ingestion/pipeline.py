"""The way of a file, step by step: queue, parse, chunk, hand over to embedding; cancel, retry, delete."""

import logging
import shutil
import tempfile
from pathlib import Path

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from ingestion import lease
from ingestion.chunk import Piece, chunk
from ingestion.errors import IngestionError
from ingestion.parse import Attachment, ParsedDocument, parse
from kb.files import path_of
from kb.models import Chunk, Chunking, Document, Section, digest_of
from search.generations import wanted
from search.models import IndexedDocument, Preset
from search.place import take_out
from search.tokenize import tokenizer_of

log = logging.getLogger(__name__)
Status, Stage = Document.Status, Document.Stage


# --- doorbells -------------------------------------------------------------------


def ring(document: Document) -> None:
    """Call a worker for this document. If nobody hears it, the reconciler rings again."""
    from ingestion import tasks

    Document.objects.filter(pk=document.pk).update(rung_at=timezone.now())
    if document.stage == Stage.EMBEDDING:
        tasks.ring(tasks.embed_missing)
    else:
        tasks.ring(tasks.parse_document, str(document.pk))


# --- what people do ----------------------------------------------------------------


def cancel(document: Document) -> bool:
    """Stop the work on an unfinished document: whoever holds it can no longer write to it."""
    return bool(
        Document.objects.filter(pk=document.pk, status__in=(Status.QUEUED, Status.RUNNING)).update(
            status=Status.CANCELLED, worker="", lease_until=None, progress=0, progress_total=0
        )
    )


def retry(document: Document) -> bool:
    """Queue a failed or cancelled document again, from the start."""
    return _requeue(document, (Status.FAILED, Status.CANCELLED))


def reingest(document: Document) -> bool:
    """Parse a document anew; what was found in it before is found until the new text is in its place."""
    return _requeue(document, (Status.READY, Status.FAILED, Status.CANCELLED))


def _requeue(document: Document, statuses: tuple[str, ...]) -> bool:
    queued = Document.objects.filter(pk=document.pk, status__in=statuses, deleted_at=None).update(
        status=Status.QUEUED, stage=Stage.PARSING, attempt=0, error="", note="", worker="", lease_until=None,
        progress=0, progress_total=0,
    )  # fmt: skip
    if queued:
        document.refresh_from_db()
        transaction.on_commit(lambda: ring(document))
    return bool(queued)


def delete(document: Document) -> None:
    """Hide the document, and what came in it, at once; the reconciler removes every trace."""
    now, family = timezone.now(), [document.pk]
    while family:
        Document.objects.filter(pk__in=family, deleted_at=None).update(deleted_at=now, worker="", lease_until=None)
        family = list(Document.objects.filter(parent__in=family, deleted_at=None).values_list("pk", flat=True))


# --- what the parse worker does ------------------------------------------------------


def parse_document(document_id: str) -> None:
    """Take one queued document from its file to its chunks, or to a sentence that says why not."""
    worker = lease.new_worker()
    if not lease.claim(Q(pk=document_id, stage__in=(Stage.PARSING, Stage.CHUNKING)), worker):
        return
    document = Document.objects.select_related("knowledge_base", "uploaded_by").get(pk=document_id)
    language = (document.uploaded_by and document.uploaded_by.language) or settings.LANGUAGE_CODE
    try:
        with lease.kept(worker), translation.override(language):
            _work_on(document, worker)
    except lease.LeaseLost:
        log.info("Document %s was taken away while it was parsed.", document_id)
    except IngestionError as error:
        fail_or_retry(document, worker, error.message, retry=error.retry)
    except Exception:
        with translation.override(language):
            fail_or_retry(document, worker, _("Something unforeseen happened; the log of the worker says what."))
        raise


def fail_or_retry(document: Document, worker: str, message: str, *, retry: bool = True) -> None:
    """Queue again while attempts are left and another may help, else FAILED with the sentence."""
    mine = Q(pk=document.pk)
    if retry and document.attempt < settings.KB_MAX_ATTEMPTS:
        lease.release(mine, worker, error=message)
        return
    lease.held_by(worker).filter(mine).order_by().update(
        status=Status.FAILED, error=message, worker="", lease_until=None
    )


def _work_on(document: Document, worker: str) -> None:
    lease.write(document, worker, stage=Stage.PARSING, progress=0, progress_total=0, error="")
    workspace = Path(tempfile.mkdtemp(dir=settings.KB_DATA / "tmp", prefix="parse-"))
    try:
        parsed = parse(path_of(document.sha256), document.name, workspace, progress=_reporter(document, worker))
        notes = [*parsed.notes, *_take_in(parsed.attachments, document)]
    finally:
        shutil.rmtree(workspace, ignore_errors=True)
    lease.write(document, worker, stage=Stage.CHUNKING, progress=0, progress_total=0, title=parsed.title[:300])
    sections = sections_of(document, parsed)
    preset, chunking = wanted(document.knowledge_base)
    chunks = chunks_of(document, sections, preset, chunking)
    _hand_over(document, worker, parsed, sections, chunks, notes)


def _reporter(document: Document, worker: str):
    """Writes "page n of m" to the row, at most twice a second; notices when the document was taken away."""
    last = timezone.now()

    def report(done: int, total: int) -> None:
        nonlocal last
        now = timezone.now()
        if (now - last).total_seconds() >= 0.5 or done == total:
            last = now
            lease.write(document, worker, progress=done, progress_total=total)

    return report


def _take_in(attachments: tuple[Attachment, ...], parent: Document) -> list[str]:
    """Queue what came inside the document as documents of their own; returns sentences about what was refused."""
    from ingestion.receive import receive

    notes = []
    for attachment in attachments:
        try:
            with attachment.path.open("rb") as file:
                receive(
                    file, knowledge_base=parent.knowledge_base, user=parent.uploaded_by, name=attachment.name,
                    folder="/".join(part for part in (parent.folder, parent.name, attachment.folder) if part),
                    parent=parent,
                )  # fmt: skip
        except IngestionError as error:
            notes.append(f"{attachment.name}: {error.message}")
    return notes


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


def _hand_over(document, worker, parsed: ParsedDocument, sections, chunks, notes: list[str]) -> None:
    """Put the new text in the old one's place and queue it for embedding, in one transaction."""
    now_ready = not chunks  # an archive: its members are documents of their own
    replaced = list(document.chunks.values_list("pk", flat=True))
    with transaction.atomic():
        lease.write(
            document, worker, media_type=parsed.media_type, language=parsed.language, pages=parsed.pages,
            characters=sum(len(section.text) for section in sections), note="\n".join(notes),
            status=Status.READY if now_ready else Status.QUEUED, ready_at=timezone.now() if now_ready else None,
            stage=Stage.EMBEDDING, attempt=0, progress=0, progress_total=len(chunks), worker="", lease_until=None,
            error="",
        )  # fmt: skip
        IndexedDocument.objects.filter(document=document).delete()
        document.chunks.all().delete()
        document.sections.all().delete()
        Section.objects.bulk_create(sections, batch_size=500)
        Chunk.objects.bulk_create(chunks, batch_size=500)
    take_out(list(document.knowledge_base.indexes.all()), replaced)
    if not now_ready:
        ring(document)
