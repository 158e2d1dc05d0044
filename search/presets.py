"""Which embedding model is used, and how."""

from django.conf import settings

from kb.env import env
from search.embedders import EmbeddingError, EmbeddingSettings
from search.models import Preset
from search.tokenize import facts_of


def default_preset() -> Preset:
    """The preset of the installation's model (KB_EMBEDDING_MODEL), made when it is first asked for."""
    model = settings.KB_EMBEDDING_MODEL
    preset = Preset.objects.filter(engine=Preset.Engine.LOCAL, model=model).order_by("pk").first()
    return preset or _made(model)


def _made(model: str) -> Preset:
    facts = facts_of(model)
    if facts is None:
        message = f"The embedding model {model} is not on this machine: KB_EMBEDDING_MODEL names the folder of one."
        raise EmbeddingError(message, permanent=True)
    preset, _ = Preset.objects.get_or_create(
        name=_free_name(model),
        defaults={
            "engine": Preset.Engine.LOCAL,
            "model": model,
            "dimension": facts.dimension,
            "max_tokens": facts.max_tokens,
            "query_instruction": facts.query_instruction,
            "document_instruction": facts.document_instruction,
        },
    )
    return preset


def _free_name(model: str) -> str:
    """The model's own name; the whole one where another model has that already."""
    short = model.rstrip("/").rpartition("/")[2][:120]
    return model[-120:] if Preset.objects.filter(name=short).exclude(model=model).exists() else short


def settings_of(preset: Preset) -> EmbeddingSettings:
    """What the engine must know."""
    return EmbeddingSettings(
        engine=preset.engine,
        model=preset.model,
        revision=preset.revision,
        dimension=preset.dimension,
        query_instruction=preset.query_instruction,
        document_instruction=preset.document_instruction,
        max_tokens=preset.max_tokens,
        url=preset.url,
        api_key=env("KB_EMBEDDING_API_KEY"),
        batch_tokens=preset.batch_tokens,
        device=settings.KB_DEVICE,
    )
