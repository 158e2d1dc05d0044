"""Batches of texts of like length, bounded by the tokens that go through the model, padding included."""

from collections.abc import Callable, Iterator, Sequence


def batches(lengths: Sequence[int], budget: int | Callable[[], int]) -> Iterator[list[int]]:
    """Indices of the texts, longest first, so that what does not fit into memory shows at once.

    A batch's longest text times its number of texts is at most `budget`; a longer text is a batch of its own. A budget
    that may change meanwhile is asked for before each text that is added.
    """
    most = budget if callable(budget) else lambda: budget
    batch: list[int] = []
    for index in sorted(range(len(lengths)), key=lambda index: -lengths[index]):
        if batch and lengths[batch[0]] * (len(batch) + 1) > most():
            yield batch
            batch = []
        batch.append(index)
    if batch:
        yield batch
