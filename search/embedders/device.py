"""What embeds, the GPU or the CPU, and how many tokens go through it at once."""

import os
from functools import cache
from importlib.metadata import PackageNotFoundError, version

from search.embedders import EmbeddingSettings

CPU_BATCH_TOKENS = 2_048
CPU_BATCH_TOKENS_A_CORE = 512  # beyond four cores: each has a text of its own to work on
CPU_MOST = 16_384
GPU_BATCH_TOKENS = 65_536
GPU_FEWEST = 2_048


def device_of(device: str) -> str:
    """The device that is asked for, or the best that is there."""
    return device or ("cuda" if _has_cuda() else "cpu")


def place_of(settings: EmbeddingSettings) -> str:
    """The device on which a model with these settings runs: OpenVINO is for the CPU alone."""
    return "cpu" if settings.backend.startswith("openvino") else device_of(settings.device)


def default_batch_tokens(device: str = "") -> int:
    """Tokens, padding included, that go through the model at once, before its size and the free memory are known."""
    if device_of(device).startswith("cuda"):
        return GPU_BATCH_TOKENS
    return min(CPU_MOST, max(CPU_BATCH_TOKENS, CPU_BATCH_TOKENS_A_CORE * (os.cpu_count() or 1)))


def gpu_batch_tokens(free_bytes: int, hidden: int, intermediate: int) -> int:
    """Tokens of which a forward pass fills half of the free memory at most, in bf16.

    Beside the layer's own numbers (8 of the model's width, 3 of its inner width) little lives at the same time: the
    hidden states of earlier layers are let go. Too high an estimate costs a repetition by halves, once.
    """
    bytes_a_token = 2 * (8 * hidden + 3 * intermediate)
    return max(GPU_FEWEST, min(GPU_BATCH_TOKENS, free_bytes // 2 // bytes_a_token))


@cache
def _has_cuda() -> bool:
    """A PyTorch that was built without CUDA need not be imported (it takes seconds) to know."""
    try:
        if version("torch").endswith("+cpu"):
            return False
    except PackageNotFoundError:
        return False
    import torch

    return torch.cuda.is_available()
