"""The way of a file through the parse worker: parse, cut, hand over to embedding."""

import logging
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from ingestion import lease
from ingestion.doorbell import ring
from ingestion.errors import IngestionError
from ingestion.parse import Attachment, ParsedDocument, parse
from ingestion.receive import receive
from ingestion.rows import chunks_of, sections_of
from kb.files import path_of
from kb.models import Chunk, Document, Section
from search.forget import forget_old_text, forget_unused
from search.generations.current import serving_index
from search.models import Index, IndexedDocument
from search.place import take_out

log = logging.getLogger(__name__)
Status, Stage = Document.Status, Document.Stage


def parse_document(document_id: str) -> None:
    """Take one queued document from its file to its chunks, or to a sentence that says why not."""
    worker = lease.new_worker()
    if not lease.claim(Q(pk=document_id, stage__in=(Stage.PARSING, Stage.CHUNKING)), worker):
        return
    document = Document.objects.select_related("knowledge_base", "uploaded_by").get(pk=document_id)
    language = (document.uploaded_by and document.uploaded_by.language) or settings.LANGUAGE_CODE
    with translation.override(language):
        _try_on(document, worker)


def _try_on(document: Document, worker: str) -> None:
    try:
        with lease.kept(worker):
            _work_on(document, worker)
    except lease.LeaseLost:
        log.info("Document %s was taken away while it was parsed.", document.pk)
    except IngestionError as error:
        fail_or_retry(document, worker, error.message, retry=error.retry)
    except Exception:
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
    serving = serving_index(document.knowledge_base)  # one that is being built cuts a new document when its turn comes
    chunks = chunks_of(document, sections, serving.preset, serving.chunking)
    also = [chunks_of(document, sections, index.preset, index.chunking) for index in _others(document, serving)]
    _hand_over(document, worker, Text(parsed, sections, chunks, [one for way in also for one in way], notes))


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


def _others(document: Document, serving: Index) -> list[Index]:
    """An index for each other way in which the document is cut: what it has embedded of it is not embedded again."""
    cut = document.chunks.exclude(chunking=serving.chunking_id).order_by().values("chunking")
    used = Index.objects.filter(chunking__in=cut).exclude(state=Index.State.RETIRED)
    return list({index.chunking_id: index for index in used.select_related("preset", "chunking")}.values())


@dataclass(frozen=True)
class Text:
    """What was made of a file: `chunks` for the index that serves, `also` those for others that have the document."""

    parsed: ParsedDocument
    sections: list[Section]
    chunks: list[Chunk]
    also: list[Chunk]
    notes: list[str]


def _hand_over(document: Document, worker: str, text: Text) -> None:
    """Put the new text in the old one's place and queue it for embedding, in one transaction.

    The vectors of what is in no text any more are forgotten after that, when it is known what still is.
    """
    now_ready = not text.chunks  # an archive: its members are documents of their own
    with transaction.atomic():
        lease.write(
            document, worker, media_type=text.parsed.media_type, language=text.parsed.language, pages=text.parsed.pages,
            characters=sum(len(section.text) for section in text.sections), note="\n".join(text.notes),
            status=Status.READY if now_ready else Status.QUEUED, ready_at=timezone.now() if now_ready else None,
            stage=Stage.EMBEDDING, attempt=0, progress=0, progress_total=len(text.chunks), worker="", lease_until=None,
            error="",
        )  # fmt: skip
        replaced = dict(document.chunks.values_list("pk", "digest"))
        _replace(document, text)
    take_out(list(document.knowledge_base.indexes.all()), list(replaced))
    forget_unused({*replaced.values()} - {chunk.digest for chunk in (*text.chunks, *text.also)})
    if not now_ready:
        ring(document)


def _replace(document: Document, text: Text) -> None:
    has_changed = list(document.sections.values_list("text", flat=True)) != [one.text for one in text.sections]
    IndexedDocument.objects.filter(document=document).delete()
    document.chunks.all().delete()
    document.sections.all().delete()
    Section.objects.bulk_create(text.sections, batch_size=500)
    Chunk.objects.bulk_create([*text.chunks, *text.also], batch_size=500)
    if has_changed:
        forget_old_text(document)
