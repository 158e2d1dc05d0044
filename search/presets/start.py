"""What a new preset starts from: a model known by name, one on this machine, a server's, or another preset."""

from dataclasses import dataclass, field
from typing import Any

from django.forms import ValidationError
from django.forms.models import model_to_dict
from django.http import QueryDict
from django.utils.translation import gettext as _

from search.embedders import EmbeddingError
from search.models import Preset
from search.presets.catalogue import SHIPPED, Shipped, fields_of, named
from search.presets.forms import AddressField
from search.presets.model_files import facts_of
from search.presets.model_server import ServedModel, fields_at, models_at
from search.tokenize import model_folder


@dataclass
class Start:
    """`initial` fills the form in; `served` are the models of the server at `url`, where one is asked for.

    `key` names the variable with that server's key.
    """

    initial: dict[str, Any] = field(default_factory=dict)
    shipped: tuple[Shipped, ...] = tuple(SHIPPED.values())
    chosen: str = ""
    model: str = ""
    url: str = ""
    key: str = ""
    served: list[ServedModel] = field(default_factory=list)
    example: str = "http://127.0.0.1:11434/v1"
    error: str = ""
    note: str = ""


def start_of(asked: QueryDict) -> Start:
    """By the query of the page's address: `shipped`, `model`, `url` (with `key` and `served`), or `copy`."""
    chosen, model, url, key = (asked.get(name, "").strip() for name in ("shipped", "model", "url", "key"))
    start = Start(chosen=chosen, model=model, url=url, key=key)
    try:
        if start.chosen in SHIPPED:
            _ship(start, SHIPPED[start.chosen])
        elif start.model:
            _read(start, start.model)
        elif start.url:
            _ask(start, asked.get("served", ""))
        elif (number := asked.get("copy", "")).isdecimal():
            _copy(start, int(number))
    except EmbeddingError as error:
        start.error = error.message
    return start


def _ship(start: Start, shipped: Shipped) -> None:
    start.initial = fields_of(shipped)
    if model_folder(shipped.model) is None:
        start.note = files_note(shipped.model)


def _read(start: Start, model: str) -> None:
    """A known one by its card, any other by its own files."""
    known = named(model)
    if known:
        _ship(start, known)
        return
    facts = facts_of(model)
    start.initial = {"name": model.rstrip("/").rpartition("/")[2][:120], "model": model}
    if facts is None:
        start.note = files_note(model)
        return
    start.initial |= {
        "dimension": facts.dimension, "max_tokens": facts.max_tokens, "query_instruction": facts.query_instruction,
        "document_instruction": facts.document_instruction,
    }  # fmt: skip


def _ask(start: Start, model: str) -> None:
    try:
        start.url = AddressField().clean(start.url)
    except ValidationError as error:
        raise EmbeddingError(" ".join(error.messages)) from error
    start.served = models_at(start.url, start.key)
    start.initial = {"engine": "server", "url": start.url, "api_key_variable": start.key}
    if model:
        start.initial = fields_at(start.url, model, start.key)


def _copy(start: Start, pk: int) -> None:
    preset = Preset.objects.filter(pk=pk).first()
    if preset is not None:
        kept = model_to_dict(preset, exclude=["id", "fingerprint", "precision"])
        start.initial = {**kept, "name": _("%(name)s (copy)") % {"name": preset.name[:100]}}


def files_note(model: str) -> str:
    """How the files of a model come to a machine; nothing is downloaded by itself."""
    return _(
        "The files of %(model)s are not here, and nothing is downloaded by itself. The preset can be saved now; before "
        "it is used, copy the model's folder to the machine of the embed worker and name that folder, or fill the "
        "Hugging Face cache of the user that runs the embed worker: hf download %(model)s"
    ) % {"model": model}
