"""Indexes in the admin panel; the presets have modules of their own."""

from functools import partial

from django.contrib import admin
from django.db.models import IntegerField, OuterRef, QuerySet, Subquery, Sum
from django.db.models.functions import Coalesce
from django.http import HttpRequest
from django.urls import path
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from unfold.admin import ModelAdmin
from unfold.contrib.filters.admin import ChoicesDropdownFilter, RelatedDropdownFilter
from unfold.decorators import display

from kb.admin import ReadOnly, number_of
from kb.models import Chunk
from search.chat import admin as chat_admin  # noqa: F401 - they register themselves
from search.checking import admin as check_admin  # noqa: F401 - they register themselves
from search.evaluation import admin as evaluation_admin  # noqa: F401 - they register themselves
from search.generations.current import suspend
from search.generations.progress import in_short, progress_of
from search.ledger_admin import never_embedded
from search.models import Index, IndexedDocument, Vector
from search.presets import admin as preset_admin  # noqa: F401 - they register themselves
from search.presets import rerank_admin as rerank_preset_admin  # noqa: F401 - they register themselves

State = Index.State
STATES = {
    State.SERVING: "success", State.BUILDING: "info", State.BUILT: "info", State.PREVIOUS: "", State.RETIRED: "",
    State.TRIAL: "info",
}  # fmt: skip


@admin.register(Index)
class IndexAdmin(ReadOnly, ModelAdmin):
    list_display = ("knowledge_base", "state_label", "how_far", "preset", "dimension", "cut", "number_documents",
                    "number_chunks", "in_use", "epoch", "served_at")  # fmt: skip
    list_filter = (("state", ChoicesDropdownFilter), "store_ready", ("knowledge_base", RelatedDropdownFilter))
    list_filter_submit = True
    list_select_related = ("knowledge_base", "preset", "chunking")
    search_fields = ("knowledge_base__name", "preset__name")
    fields = ("knowledge_base", "state", "preset", "dimension", "chunking", "number_documents", "number_chunks",
              "number_vectors", ("store_ready", "words_ready"), ("collection", "epoch"),
              ("created_at", "served_at"))  # fmt: skip
    readonly_fields = ("number_documents", "number_chunks", "number_vectors", "collection")
    actions = ("rebuild",)

    def get_urls(self) -> list:
        page = self.admin_site.admin_view(partial(never_embedded, self.admin_site))
        return [path("never-embedded", page, name="search_never_embedded"), *super().get_urls()]

    def has_delete_permission(self, request: HttpRequest, obj=None) -> bool:
        return False

    def get_queryset(self, request: HttpRequest) -> QuerySet[Index]:
        inside = IndexedDocument.objects.filter(index=OuterRef("pk")).order_by().values("index")
        chunks = Subquery(inside.annotate(n=Sum("chunks")).values("n"), output_field=IntegerField())
        return (
            super()
            .get_queryset(request)
            .filter(knowledge_base__deleted_at=None)
            .annotate(
                documents_inside=number_of(IndexedDocument.objects.all(), "index"), chunks_inside=Coalesce(chunks, 0)
            )
        )

    @display(description=_("state"), ordering="state", label=STATES)
    def state_label(self, index: Index) -> tuple[str, str]:
        return index.state, index.get_state_display()

    @display(description=_("progress"))
    def how_far(self, index: Index) -> str:
        """Of one that is being built; the reason where it waits."""
        return index.note or (in_short(progress_of(index)) if index.state == State.BUILDING else "")

    @display(description=_("passage length"))
    def cut(self, index: Index) -> str:
        return f"{index.chunking.tokens} / {index.chunking.overlap}"

    @display(description=_("documents"), ordering="documents_inside")
    def number_documents(self, index: Index) -> int:
        return index.documents_inside

    @display(description=_("passages"), ordering="chunks_inside")
    def number_chunks(self, index: Index) -> int:
        return index.chunks_inside

    @display(description=_("vectors"))
    def number_vectors(self, index: Index) -> int:
        """Equal passages share a vector, so there may be fewer of them."""
        digests = Chunk.objects.filter(
            chunking=index.chunking_id, document__deleted_at=None, document__knowledge_base=index.knowledge_base_id
        ).values("digest")
        return Vector.objects.filter(preset=index.preset_id, digest__in=digests).count()

    @display(
        description=_("nearest-neighbour index"), ordering="store_ready", label={"on": "success", "off": "warning"}
    )
    def in_use(self, index: Index) -> tuple[str, str]:
        return ("on", str(_("in use"))) if index.store_ready else ("off", str(_("being rebuilt")))

    @display(description=_("collection"))
    def collection(self, index: Index) -> str:
        return index.collection

    @admin.action(description=_("Rebuild from the stored vectors"), permissions=["view"])
    def rebuild(self, request: HttpRequest, queryset: QuerySet[Index]) -> None:
        """Embeds nothing; search is exact, over the stored vectors, until it is done."""
        chosen = list(queryset.exclude(state=Index.State.RETIRED))
        for index in chosen:
            suspend(index)
        n = len(chosen)
        said = ngettext("%(n)d index will be rebuilt shortly.", "%(n)d indexes will be rebuilt shortly.", n)
        self.message_user(request, said % {"n": n})
