"""Which embedding model is used, and how."""

from typing import Any

from django.conf import settings

from search.embedders import EmbeddingError, EmbeddingSettings
from search.embedders.precision import AUTO, precision_of
from search.models import Preset
from search.presets.catalogue import fields_of, named
from search.presets.model_files import facts_of
from search.presets.model_server import fields_at
from search.presets.server_keys import key_for
from search.tokenize import model_folder

HOW_TO_PUT = (
    "copy its folder to this machine and name that folder, or fill the Hugging Face cache of the user that runs the "
    "embed worker (hf download {model})"
)


def default_preset() -> Preset:
    """The preset of the installation's model, made when it is first asked for. Raises EmbeddingError.

    KB_EMBEDDING_MODEL names it: by its key in search/presets/catalogue.py, its name on Hugging Face, or its folder; or,
    where KB_EMBEDDING_URL says where a model server is, by the name that it has there.
    """
    if settings.KB_EMBEDDING_URL:
        return _served(settings.KB_EMBEDDING_URL, settings.KB_EMBEDDING_MODEL)
    known = named(settings.KB_EMBEDDING_MODEL)
    model = known.model if known else settings.KB_EMBEDDING_MODEL
    preset = Preset.objects.filter(engine=Preset.Engine.LOCAL, model=model).order_by("pk").first()
    return preset or _made(fields_of(known) if known and model_folder(model) else _fields_of_files(model))


def _served(url: str, model: str) -> Preset:
    """The address follows the setting; the same model elsewhere makes the same vectors."""
    preset = Preset.objects.filter(engine=Preset.Engine.SERVER, model=model).order_by("pk").first()
    if preset is None:
        return _made(fields_at(url, model))
    if preset.url != url:
        Preset.objects.filter(pk=preset.pk).update(url=url)
        preset.url = url
    return preset


def _fields_of_files(model: str) -> dict[str, Any]:
    facts = facts_of(model)
    if facts is None:
        raise EmbeddingError(
            f"The embedding model {model} is not on this machine: {HOW_TO_PUT.format(model=model)}.", permanent=True
        )
    return {
        "name": model.rstrip("/").rpartition("/")[2],
        "model": model,
        "dimension": facts.dimension,
        "max_tokens": facts.max_tokens,
        "query_instruction": facts.query_instruction,
        "document_instruction": facts.document_instruction,
    }


def _made(fields: dict[str, Any]) -> Preset:
    name = free_name(fields.pop("name"), fields["model"])
    return Preset.objects.get_or_create(name=name, defaults=fields)[0]


def free_name(name: str, model: str) -> str:
    """The name, as far as it fits; the model's whole one where another preset has it already."""
    return model[-120:] if Preset.objects.filter(name=name[:120]).exclude(model=model).exists() else name[:120]


def settings_of(preset: Preset) -> EmbeddingSettings:
    """What the engine must know."""
    is_served = preset.engine == Preset.Engine.SERVER
    return EmbeddingSettings(
        engine=preset.engine,
        model=preset.model,
        revision=preset.revision,
        dimension=preset.dimension,
        query_instruction=preset.query_instruction,
        document_instruction=preset.document_instruction,
        max_tokens=preset.max_tokens,
        url=preset.url,
        api_key=key_for(preset.url, preset.api_key_variable) if is_served else "",
        batch_tokens=preset.batch_tokens,
        device=settings.KB_DEVICE,
        backend=preset.backend,
        pooling=preset.pooling,
        dtype=preset.precision if preset.dtype == AUTO and preset.precision else preset.dtype,
    )


def settle(preset: Preset) -> None:
    """Fix the precision of vectors that are about to be kept, where the preset leaves it to the machine.

    The machine that makes the first of them decides, so that one preset's vectors are all of one precision; a machine
    of another kind keeps to it, or computes in its own where that was measured to make the same vectors.
    """
    if preset.engine != Preset.Engine.LOCAL or preset.dtype != AUTO or preset.precision:
        return
    Preset.objects.filter(pk=preset.pk, precision="").update(precision=precision_of(settings_of(preset)))
    preset.refresh_from_db(fields=["precision"])
