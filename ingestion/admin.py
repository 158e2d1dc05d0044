"""Documents in the admin panel, and what can be done with them there."""

from collections.abc import Callable
from pathlib import PurePosixPath

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.template.defaultfilters import filesizeformat
from django.urls import reverse
from django.utils.html import format_html
from django.utils.text import Truncator
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from unfold.admin import ModelAdmin, TabularInline
from unfold.contrib.filters.admin import AllValuesCheckboxFilter, ChoicesDropdownFilter, RelatedDropdownFilter
from unfold.decorators import display

from ingestion import queue
from kb.admin import ReadOnly, number_of
from kb.models import Chunk, Document

STATUSES = {
    Document.Status.QUEUED: "",
    Document.Status.RUNNING: "info",
    Document.Status.READY: "success",
    Document.Status.FAILED: "danger",
    Document.Status.CANCELLED: "warning",
}


class ChunkInline(ReadOnly, TabularInline):
    model = Chunk
    fields = ("ordinal", "page", "tokens", "heading", "text")
    readonly_fields = ("heading",)
    extra = 0
    per_page = 20
    tab = True
    hide_title = True
    verbose_name_plural = _("passages")
    show_change_link = False
    can_delete = False

    def get_queryset(self, request: HttpRequest) -> QuerySet[Chunk]:
        return super().get_queryset(request).order_by("chunking", "ordinal")

    @display(description=_("heading"))
    def heading(self, chunk: Chunk) -> str:
        return " > ".join(chunk.heading_path)


@admin.register(Document)
class DocumentAdmin(ReadOnly, ModelAdmin):
    list_display = ("named", "knowledge_base", "state", "situation", "kind", "bytes", "pages", "number_chunks",
                    "created_at")  # fmt: skip
    list_filter = (
        ("status", ChoicesDropdownFilter),
        ("stage", ChoicesDropdownFilter),
        ("knowledge_base", RelatedDropdownFilter),
        ("media_type", AllValuesCheckboxFilter),
        ("language", AllValuesCheckboxFilter),
    )
    list_filter_submit = True
    list_fullwidth = True
    list_select_related = ("knowledge_base",)
    list_per_page = 50
    search_fields = ("title", "name", "error", "sha256")
    fields = ("title", "knowledge_base", "status", "situation", "note", "files", ("name", "folder"),
              ("media_type", "bytes", "language"), ("pages", "characters", "number_chunks"),
              ("attempt", "worker", "lease_until"), ("uploaded_by", "created_at", "ready_at"), "sha256",
              "parent")  # fmt: skip
    readonly_fields = ("situation", "files", "bytes", "number_chunks")
    inlines = (ChunkInline,)
    actions = ("retry", "reingest", "cancel")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Document]:
        return (
            super()
            .get_queryset(request)
            .filter(deleted_at=None, knowledge_base__deleted_at=None)
            .annotate(chunks_inside=number_of(Chunk.objects.all(), "document"))
        )

    @display(description=_("document"), ordering="title", header=True)
    def named(self, document: Document) -> tuple[str, str]:
        return Truncator(document.title).chars(70), Truncator(document.name).chars(70)

    @display(description=_("status"), ordering="status", label=STATUSES)
    def state(self, document: Document) -> tuple[str, str]:
        return document.status, document.get_status_display()

    @display(description=_("situation"), ordering="error")
    def situation(self, document: Document) -> str:
        """How far it is while it is in work, and the reason once it failed."""
        if not document.is_unfinished:
            return document.error or "-"
        stage = document.get_stage_display()
        if not document.progress_total:
            return stage
        numbers = {"stage": stage, "done": document.progress, "total": document.progress_total}
        return _("%(stage)s, %(done)d of %(total)d") % numbers

    @display(description=_("kind"), ordering="media_type")
    def kind(self, document: Document) -> str:
        """The end of the file's name, as the types' own names are long."""
        return PurePosixPath(document.name).suffix[1:].upper() or document.media_type

    @display(description=_("size"), ordering="size")
    def bytes(self, document: Document) -> str:
        return filesizeformat(document.size)

    @display(description=_("passages"), ordering="chunks_inside")
    def number_chunks(self, document: Document) -> int:
        return document.chunks_inside

    @display(description=_("open"))
    def files(self, document: Document) -> str:
        return format_html(
            '<a class="lectern-link" href="{}">{}</a> &nbsp; <a class="lectern-link" href="{}">{}</a>',
            document.get_absolute_url(),
            _("Read it"),
            reverse("document_original", args=[document.pk]),
            _("Download the original"),
        )

    def view_on_site(self, document: Document) -> str:
        return document.get_absolute_url()

    @admin.action(description=_("Try again"), permissions=["view"])
    def retry(self, request: HttpRequest, queryset: QuerySet[Document]) -> None:
        self._do(request, queryset, queue.retry)

    @admin.action(description=_("Read the file anew"), permissions=["view"])
    def reingest(self, request: HttpRequest, queryset: QuerySet[Document]) -> None:
        self._do(request, queryset, queue.reingest)

    @admin.action(description=_("Cancel"), permissions=["view"])
    def cancel(self, request: HttpRequest, queryset: QuerySet[Document]) -> None:
        self._do(request, queryset, queue.cancel)

    def _do(self, request: HttpRequest, queryset: QuerySet[Document], act: Callable[[Document], bool]) -> None:
        outcomes = [act(document) for document in queryset]
        n, rest = sum(outcomes), len(outcomes) - sum(outcomes)
        said = ngettext("Done for %(n)d document.", "Done for %(n)d documents.", n) % {"n": n}
        if rest:
            left = ngettext("%(n)d was left as it is.", "%(n)d were left as they are.", rest) % {"n": rest}
            said = f"{said} {left}"
        self.message_user(request, said)

    # Deleting hides at once, and the reconciler removes every trace; so the page that asks walks through no rows.
    def get_deleted_objects(self, objs, request):
        return [str(each) for each in objs[:50]], {self.opts.verbose_name_plural: len(objs)}, set(), []

    def delete_model(self, request: HttpRequest, obj: Document) -> None:
        queue.delete(obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Document]) -> None:
        for document in queryset:
            queue.delete(document)
