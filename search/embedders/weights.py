"""Say from which files a model's weights are read."""

from pathlib import Path
from pickle import UnpicklingError

UNREADABLE = (OSError, ValueError, RuntimeError, KeyError, ImportError, UnpicklingError)


def reads_safetensors(folder: Path) -> bool:
    """False only for a model that was published without them (BGE-M3 is): its `pytorch_model.bin` is read instead.

    That is a pickle, of which transformers takes nothing but tensors (`weights_only`, safe since PyTorch 2.6,
    CVE-2025-32434), and still the second choice.
    """
    return any(folder.rglob("*.safetensors")) or not any(folder.rglob("pytorch_model*.bin"))


def why_unreadable(error: Exception) -> str:
    """What there is to say of an error in loading; that of a pickle tells how to run what is in it."""
    return "its weights hold more than numbers, which may be code" if isinstance(error, UnpicklingError) else str(error)
