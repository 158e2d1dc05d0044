"""The API of a knowledge base's search settings and indexes."""

from collections.abc import Callable
from datetime import datetime
from uuid import UUID

from django.forms.models import model_to_dict
from django.utils.translation import gettext as _
from ninja import Router, Schema
from pydantic import Field

from kb.access import get_manageable
from kb.api import Input
from kb.api_errors import ApiError, ErrorOut
from kb.bell import send
from kb.models import KnowledgeBase
from kb.request import Request
from search.evaluation.settings_trial import can_be_tried, preview, tried_lately, verdict
from search.generations.current import start_wanted
from search.generations.page import Generation, generations_of
from search.generations.refusals import try_again
from search.generations.switch import SwitchError, cancel, forget_previous, roll_back, switch_to
from search.limits_page import limits_in_use
from search.models import Index, Preset, SearchSettings
from search.settings.effect import effect_of
from search.settings.forms import SearchSettingsForm
from search.settings.tuning import Tuning, settings_for, tuning_of

router = Router(tags=["Search settings"])
PATH = "/knowledge-bases/{uuid:id}"


class SettingsChange(Input):
    """What is not given stays as it is."""

    preset: int | None = Field(None, description="Of an embedding preset; null: the installation's.")
    dimension: int | None = Field(None, description="Of the vectors that are searched; null: the full one.")
    query_instruction: str | None = Field(None, description="Put before a question; null: the model's own.")
    chunk_tokens: int = 220
    chunk_overlap: int = 30
    switch: str = SearchSettings.Switch.AUTOMATIC
    switch_without_refused: bool = Field(False, description="By itself also without documents that its model refuses.")
    vector_weight: float = 0.5
    document_weight: float = 0.0
    candidates: int = 100
    rank_constant: int = 5
    rescore: bool = False
    rerank: int | None = Field(None, description="Of a reranking preset; null: none.")
    rerank_candidates: int = 30
    passages_a_document: int = 3
    fold: bool = True
    superseded_last: bool = True
    answer_limits: str = Field(
        SearchSettings.AnswerLimits.FITTED,
        description="Below which nothing answers a question: fitted (to the saved questions), usual, or by_hand.",
    )
    strictness: int = Field(0, description="By hand: from -100 (answers sooner) to 100 (refuses sooner).")
    evaluate_every_days: int = 0


class SettingsPatch(SettingsChange):
    anyway: bool = Field(False, description="Save them though the search gets worse, or nobody knows whether it does.")


class PresetOut(Schema):
    id: int
    name: str
    dimension: int
    shortest: int | None = Field(description="The dimension to which its vectors may be cut; null: they may not be.")
    max_tokens: int


class LimitsOut(Schema):
    meaning: float = Field(description="Where the model reads the question: share of its words, plus nearness.")
    words: float = Field(description="By words alone.")
    pairs: float = Field(description="By words alone, in Chinese, Japanese or Korean.")
    fitted_at: datetime | None
    cost: dict[str, dict[str, int]] = Field(
        description="By the usual limits and by these: how many of the answerable questions that were evaluated are "
        "refused, and how many of the foreign ones answered. Empty before an evaluation of all saved questions."
    )


class SettingsOut(SettingsChange):
    limits: LimitsOut = Field(description="Those in use.")
    effect: str = Field("", description="What the last change set going.")
    presets: list[PresetOut] = Field(description="That may be chosen.")


class Measured(Schema):
    way: str = Field(description="Of searching: that in which chat searches.")
    measure: str
    before: float
    after: float
    is_worse: bool


class SettingsTrial(Schema):
    id: UUID = Field(description="Of the evaluation that asks the saved questions with the new settings.")
    progress: int
    progress_total: int
    measured: list[Measured] = Field(description="What decides; empty until it is known.")


class NotSaved(ErrorOut):
    """`code`: `being_tried` (ask again), `search_gets_worse`, or `not_measured`. Nothing was saved."""

    trial: SettingsTrial


class RefusedOut(Schema):
    document: UUID
    title: str
    reason: str


class GenerationOut(Schema):
    id: int
    state: str
    preset: str
    dimension: int
    chunk_tokens: int
    chunk_overlap: int
    documents_lacking: int
    documents_refused: int = Field(description="It does without them, as its model refuses a text of each.")
    documents_lost: int = Field(description="Of these, how many the index in use has.")
    refused: list[RefusedOut] = Field(description="The first of them.")
    passages: int
    bytes: int = Field(description="What its vectors take.")
    note: str
    tokens_left: int | None
    tokens_per_second: float | None
    seconds_left: float | None
    done_at: datetime | None
    trial: str = Field(description="How it does on the saved questions, where it is built.")


class GenerationsOut(Schema):
    generations: list[GenerationOut] = Field(description="The one in use first.")


def _settings_out(base: KnowledgeBase, effect: str = "") -> dict:
    values = model_to_dict(settings_for(base), exclude=["id", "knowledge_base"])
    cut = {"chunk_tokens": base.chunk_tokens, "chunk_overlap": base.chunk_overlap}
    limits = limits_in_use(base).as_json()
    return {**values, **cut, "limits": limits, "effect": effect, "presets": list(Preset.objects.all())}


@router.get(f"{PATH}/search-settings", response=SettingsOut, summary="How a knowledge base is searched")
def show_settings(request: Request, id: UUID):
    """Only its managers may."""
    return _settings_out(get_manageable(request.user, id))


@router.patch(f"{PATH}/search-settings", response={200: SettingsOut, 409: NotSaved}, summary="Change what is given")
def change_settings(request: Request, id: UUID, body: SettingsPatch):
    """Another preset, dimension, instruction or cut builds a new index beside the one in use. Only managers may.

    What would take effect with the next question is tried on the saved questions first, by a worker: until that is
    done, and where the search gets worse by it, the answer is 409 and nothing is saved. The same request asked again
    saves as soon as it is known that the search does not get worse; with `anyway` it saves at once.
    """
    base = get_manageable(request.user, id)
    changes = body.model_dump(exclude_unset=True)
    anyway = changes.pop("anyway", False)
    form = _form(base, changes)
    if not form.is_valid():
        raise ApiError(422, " ".join(f"{name}: {each}" for name, errors in form.errors.items() for each in errors))
    if not anyway and (problem := _problem(request, base, tuning_of(form.instance))):
        return 409, problem
    effect = effect_of(KnowledgeBase.objects.get(pk=base.pk), form.shape()).sentence
    form.save()
    if start_wanted(base):
        send("embed_missing")
    return 200, _settings_out(base, effect)


def _problem(request: Request, base: KnowledgeBase, tuning: Tuning) -> dict | None:
    """Why these may not be saved (yet), with what is known of them; a trial is begun where there was none."""
    if not can_be_tried(base, tuning):
        return None
    found = verdict(tried_lately(base, tuning) or preview(base, tuning, request.user))
    if found.is_settled and not found.needs_a_yes:
        return None
    code = "not_measured" if found.has_failed else "search_gets_worse" if found.comparison else "being_tried"
    runs = [run for run in (found.run, found.before) if run]
    trial = {
        "id": found.run.pk,
        "progress": sum(run.progress for run in runs),
        "progress_total": sum(run.progress_total for run in runs),
        "measured": found.comparison.verdict if found.comparison else (),
    }
    return {"error": {"code": code, "message": " ".join(found.sentences)}, "trial": trial}


def _form(base: KnowledgeBase, changes: dict) -> SearchSettingsForm:
    """The form of the page, filled with what there is and what is given."""
    settings = settings_for(base)
    values = {**_settings_out(base), **changes}
    data = {name: value for name, value in values.items() if value is not None and value is not False}
    if values["query_instruction"] is None:
        form = SearchSettingsForm(data, instance=settings, knowledge_base=base)
        data |= {"query_instruction": form.own_instruction, "shown_for": form.preset_key}
    return SearchSettingsForm(data, instance=settings, knowledge_base=base)


@router.get(f"{PATH}/generations", response=GenerationsOut, summary="The indexes of a knowledge base, with progress")
def list_generations(request: Request, id: UUID):
    """The one in use, the one that is being built or waits to be put to use, and the one to go back to."""
    return _generations_out(get_manageable(request.user, id))


def _generations_out(base: KnowledgeBase) -> dict:
    found = generations_of(base)
    listed = [found.serving, found.making, found.previous] if found else []
    return {"generations": [_out(one) for one in listed if one]}


def _out(one: Generation) -> GenerationOut:
    index, progress = one.index, one.progress
    moving = {
        "tokens_left": progress.tokens_left, "tokens_per_second": progress.tokens_per_second,
        "seconds_left": progress.seconds_left, "done_at": progress.done_at,
    } if progress else dict.fromkeys(("tokens_left", "tokens_per_second", "seconds_left", "done_at"))  # fmt: skip
    return GenerationOut(
        id=index.pk, state=index.state, preset=index.preset.name, dimension=index.dimension,
        chunk_tokens=index.chunking.tokens, chunk_overlap=index.chunking.overlap, documents_lacking=one.lacks,
        documents_refused=one.refused.number, documents_lost=one.refused.lost,
        refused=[
            RefusedOut(document=each.document_id, title=each.document.title, reason=each.reason)
            for each in one.refused.listed
        ],
        passages=one.passages, bytes=one.bytes, note=index.note, trial=one.trial.sentence if one.trial else "",
        **moving,
    )  # fmt: skip


def _done(base: KnowledgeBase, step: Callable, *arguments, **options) -> dict:
    """The indexes after it; 409 where it cannot be done now."""
    try:
        step(*arguments, **options)
    except SwitchError as error:
        raise ApiError(409, error.message) from error
    send("embed_missing")
    return _generations_out(base)


@router.post(f"{PATH}/generations/{{int:index}}/switch", response=GenerationsOut, summary="Put a built index to use")
def switch(request: Request, id: UUID, index: int, without_refused: bool = False):
    """The one in use is kept to go back to. Only managers may.

    An index that would lose documents, because its model refuses them, is put to use with `without_refused` only.
    """
    base = get_manageable(request.user, id)
    return _done(base, switch_to, _chosen(base, index), without_refused=without_refused)


def _chosen(base: KnowledgeBase, index: int) -> Index:
    chosen = Index.objects.filter(knowledge_base=base, pk=index).first()
    if chosen is None:
        raise ApiError(409, _("This index is no longer there."))
    return chosen


@router.post(f"{PATH}/generations/{{int:index}}/retry", response=GenerationsOut, summary="Try refused documents again")
def retry(request: Request, id: UUID, index: int):
    """The embed worker tries the documents again that this index does without. Only managers may."""
    base = get_manageable(request.user, id)
    return _done(base, try_again, _chosen(base, index))


@router.post(f"{PATH}/generations/rollback", response=GenerationsOut, summary="Go back to the previous index")
def rollback(request: Request, id: UUID):
    """It answers as it did; the settings ask for what it has. Only managers may."""
    base = get_manageable(request.user, id)
    return _done(base, roll_back, base)


@router.post(f"{PATH}/generations/cancel", response=GenerationsOut, summary="Give up the index that is being built")
def give_up(request: Request, id: UUID):
    """The settings ask for what the one in use has. Only managers may."""
    base = get_manageable(request.user, id)
    return _done(base, cancel, base)


@router.post(f"{PATH}/generations/forget", response=GenerationsOut, summary="Forget the previous index")
def forget(request: Request, id: UUID):
    """There is no going back to it then. Only managers may."""
    base = get_manageable(request.user, id)
    return _done(base, forget_previous, base)
