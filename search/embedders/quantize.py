"""Let a model's linear layers compute with 8-bit numbers: ranges found on sample texts, scales a channel of weights.

Activations are smoothed first (SmoothQuant, arXiv:2211.10438): where a channel of a layer's input is far larger than
the others, its size is moved into the weights, so that the other channels keep more than a few of the 256 steps.
The layers then hold "fake" quantisation, which OpenVINO replaces by arithmetic on int8.
"""

from collections.abc import Callable

import torch
from torch import nn

# How much of a channel's size goes to the weights. On all-MiniLM-L6-v2 0.5, as in the paper, lost over three times as
# much (a mean cosine of .9873 against .9965), and 0.3 made the vectors useless.
SMOOTHING = 0.7
STEPS = 255  # of activations, which are asymmetric
WEIGHT = 127  # weights are symmetric
SMALLEST = 1e-5


class _Watched(nn.Module):
    """A linear layer that notes what passes through it: first the size of each channel, then the whole range."""

    def __init__(self, linear: nn.Linear) -> None:
        super().__init__()
        self.linear = linear
        self.sizes = torch.zeros(linear.in_features)
        self.smooth: torch.Tensor | None = None
        self.low, self.high = 0.0, 0.0

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.smooth is None:
            self.sizes = torch.maximum(self.sizes, x.reshape(-1, x.shape[-1]).abs().amax(0))
        else:
            smoothed = x * self.smooth
            self.low = min(self.low, smoothed.min().item())
            self.high = max(self.high, smoothed.max().item())
        return self.linear(x)

    def choose_smoothing(self) -> None:
        weights = self.linear.weight.abs().amax(0).clamp(min=SMALLEST)
        self.smooth = weights ** (1 - SMOOTHING) / self.sizes.clamp(min=SMALLEST) ** SMOOTHING


class _Quantised(nn.Module):
    """The same layer with 8-bit activations and weights, as far as the tracer is concerned."""

    def __init__(self, watched: _Watched) -> None:
        super().__init__()
        assert watched.smooth is not None
        self.smooth = nn.Parameter(watched.smooth, requires_grad=False)
        self.scale = max((watched.high - watched.low) / STEPS, SMALLEST / STEPS)
        self.zero = max(0, min(STEPS, round(-watched.low / self.scale)))
        weight = watched.linear.weight.detach() / watched.smooth
        self.weight = nn.Parameter(weight, requires_grad=False)
        self.weight_scale = nn.Parameter(weight.abs().amax(1).clamp(min=SMALLEST) / WEIGHT, requires_grad=False)
        self.weight_zero = nn.Parameter(torch.zeros(len(weight), dtype=torch.int32), requires_grad=False)
        self.bias = watched.linear.bias

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = torch.fake_quantize_per_tensor_affine(x * self.smooth, self.scale, self.zero, 0, STEPS)
        weight = torch.fake_quantize_per_channel_affine(
            self.weight, self.weight_scale, self.weight_zero, 0, -WEIGHT, WEIGHT
        )
        return nn.functional.linear(x, weight, self.bias)


def quantise(model: nn.Module, run: Callable[[], object]) -> int:
    """Replace the model's linear layers in place and return how many; `run` puts the sample texts through it."""
    watched = _swap(model, nn.Linear, _Watched)
    with torch.no_grad():
        run()
        for layer in watched:
            layer.choose_smoothing()
        run()
    return len(_swap(model, _Watched, _Quantised))


def _swap(model: nn.Module, kind: type, wrap: Callable) -> list:
    """Every module of this kind in the model wrapped; the new ones."""
    places = [
        (parent, name, child)
        for parent in list(model.modules())
        for name, child in parent.named_children()
        if type(child) is kind
    ]
    made = [(parent, name, wrap(child)) for parent, name, child in places]
    for parent, name, child in made:
        setattr(parent, name, child)
    return [child for _, _, child in made]
