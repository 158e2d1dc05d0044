"""The dimensions that a preset's vectors may have, and the memory that they take."""

from django.template.defaultfilters import filesizeformat

from search.models import Preset

A_NUMBER = 4  # bytes
USUAL = (32, 64, 128, 256, 384, 512, 768, 1024, 1536, 2048, 3072, 4096)


def dimensions_of(preset: Preset) -> list[int]:
    """The full one first, then the shorter ones that are usual, down to the shortest."""
    shortest = [preset.shortest] if preset.shortest else []
    shorter = sorted(
        {one for one in (*USUAL, *shortest) if one < preset.dimension and preset.allows(one)}, reverse=True
    )
    return [preset.dimension, *shorter]


def bytes_of(dimension: int, passages: int = 1) -> int:
    """Of so many vectors, as they are held in memory."""
    return dimension * A_NUMBER * passages


def size_of(dimension: int, passages: int = 1) -> str:
    """The same in words."""
    return filesizeformat(bytes_of(dimension, passages))
