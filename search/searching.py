"""The search page: which passages a question finds, and why."""

from dataclasses import dataclass, replace
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from kb.access import chosen_among, manageable_by, readable_by
from kb.models import KnowledgeBase
from kb.request import Request
from search.about import About, about
from search.cite import marks_of
from search.forms import HYBRID, MODES, SearchForm
from search.passage import Passage
from search.retrieve import retrieve
from search.why import Hit, Other, hits, others


@dataclass(frozen=True)
class Found:
    """What one way of searching found."""

    mode: str
    hits: list[Hit]
    others: list[Other]
    notes: tuple[str, ...]
    milliseconds: int

    @property
    def passages(self) -> list[Passage]:
        return [hit.passage for hit in self.hits]


@login_required
@require_GET
def search(request: Request) -> HttpResponse:
    """The retrieval test: which passages a question finds, at which places, and why."""
    form = SearchForm(request.GET)
    results: list[Found] = []
    found_documents: list[About] = []
    if form.is_valid():
        scope = chosen_among(readable_by(request.user), form.cleaned_data["kb"])
        found_documents = _documents(form.cleaned_data, scope)
        managed = set(manageable_by(request.user).values_list("pk", flat=True))
        results = _results(form.cleaned_data, scope, managed) if form.cleaned_data["q"].strip() else []
    context = {
        "form": form,
        "modes": MODES,
        "chosen": form.cleaned_data,
        "results": results,
        "documents_about": found_documents,
        "scope": request.GET.getlist("kb"),
        "knowledge_bases": list(readable_by(request.user)),
    }
    fragment = request.htmx and not request.htmx.boosted
    return render(request, "search/_results.html" if fragment else "search/search.html", context)


def _results(asked: dict, scope: list[KnowledgeBase], managed: set[UUID]) -> list[Found]:
    modes = [HYBRID, "vector", "keyword"] if asked["compare"] else [asked["mode"]]
    return [_found(mode, asked["q"], scope, asked["top_k"], managed) for mode in modes]


def _documents(asked: dict, scope: list[KnowledgeBase]) -> list[About]:
    """Documents are found by meaning; a search for words alone shows none."""
    if asked["mode"] == "keyword" and not asked["compare"]:
        return []
    return about(asked["q"], knowledge_bases=scope)


def _found(mode: str, words: str, scope: list[KnowledgeBase], limit: int, managed: set[UUID]) -> Found:
    """What is found; with reasons for those who manage where it was found."""
    found = retrieve(words, knowledge_bases=scope, mode=mode, limit=limit)
    passages = [replace(each, marks=each.marks or marks_of(each, [words])) for each in found.passages]
    explained = [one for one in found.candidates if one.knowledge_base_id in managed]
    return Found(
        mode, hits(passages, explained), others(explained), tuple(map(str, found.notes)), round(found.milliseconds)
    )
