"""What is known of an embedding preset on this machine."""

from dataclasses import dataclass

from django.utils.translation import gettext as _

from search.generations.progress import speed_of
from search.models import Preset
from search.tokenize import model_folder


@dataclass(frozen=True)
class Facts:
    """For people: `place` says where the model is, `speed` how many tokens a second it embedded here (None: never)."""

    model: str
    dimension: int
    max_tokens: int
    place: str
    speed: float | None


def facts_about(preset: Preset) -> Facts:
    """Reads no model."""
    return Facts(preset.model, preset.dimension, preset.max_tokens, _place(preset), speed_of(preset))


def _place(preset: Preset) -> str:
    if preset.engine == Preset.Engine.SERVER:
        return _("A model server has it.")
    if model_folder(preset.model, preset.revision):
        return _("Its files are on this machine.")
    return _("Its files are not on this machine: it can be used as soon as somebody has put them here.")
