"""Memory in which models compute: whether it ran out, and giving back what is no longer needed."""

import gc
import re
import sys

NO_MEMORY = re.compile(r"out of memory|(can.?t|cannot|failed to) allocate|bad_alloc", re.IGNORECASE)


def ran_out(error: Exception) -> bool:
    """Whether this is PyTorch's, OpenVINO's or Python's way to say that the memory does not suffice."""
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    return isinstance(error, RuntimeError) and bool(NO_MEMORY.search(str(error)))


def give_back() -> None:
    """Free what nobody refers to, on a GPU, too, where PyTorch would keep it for later and others find it taken."""
    gc.collect()
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        torch.cuda.empty_cache()
