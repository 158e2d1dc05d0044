"""In what numbers a local model computes."""

from search.embedders import EmbeddingSettings
from search.embedders.device import place_of

AUTO, FULL, HALF = "auto", "float32", "bfloat16"
AMPERE = 8  # the first generation of CUDA devices that computes in bfloat16


def precision_of(settings: EmbeddingSettings) -> str:
    """What the settings name; where they leave it to the machine, what suits the device that it runs on."""
    return favourite(place_of(settings)) if settings.dtype == AUTO else settings.dtype


def favourite(device: str) -> str:
    """bfloat16 on a GPU that computes in it, else float32: float16 has too little range for some of the models."""
    if not device.startswith("cuda"):
        return FULL
    import torch

    return HALF if torch.cuda.get_device_capability(device)[0] >= AMPERE else FULL
