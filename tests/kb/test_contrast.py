"""The colours are readable by day and by night: WCAG 2.2, contrast of text 4.5, of edges and signs 3."""

import re

import pytest
from django.conf import settings

TOKENS = (settings.BASE_DIR / "static" / "css" / "tokens.css").read_text(encoding="utf-8")
COLOURS = {name: pair for name, *pair in re.findall(r"--([\w-]+): light-dark\((#\w{6}), (#\w{6})\)", TOKENS)}
GROUNDS = ("paper", "surface", "sunk")
TEXTS = [
    *((text, ground) for text in ("ink", "ink-soft", "accent", "accent-strong", "danger") for ground in GROUNDS),
    ("on-accent", "accent"),
    ("on-accent", "accent-strong"),
    ("accent-strong", "accent-wash"),
    ("ink", "accent-wash"),
    ("ink", "quiet-wash"),
    ("ink-soft", "quiet-wash"),
    ("danger", "danger-wash"),
    ("on-danger", "danger"),
    ("warning", "warning-wash"),
    ("ink", "warning-wash"),
    ("on-mark", "mark"),
    ("on-binding", "binding"),
    ("on-binding-soft", "binding"),
    ("on-binding", "binding-raised"),
    ("on-binding-soft", "binding-raised"),
    ("paper", "ink"),
]
EDGES = [*((edge, ground) for edge in ("line-strong", "accent") for ground in GROUNDS), ("mark-edge", "binding-raised")]


def luminance(colour: str) -> float:
    """Relative luminance, https://www.w3.org/TR/WCAG22/#dfn-relative-luminance"""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("time", ["day", "night"])
@pytest.mark.parametrize(("pair", "least"), [*((p, 4.5) for p in TEXTS), *((p, 3) for p in EDGES)])
def test_a_colour_is_readable_on_its_ground(pair, least, time):
    one, other = (COLOURS[name][time == "night"] for name in pair)
    assert contrast(one, other) >= least, f"{pair[0]} on {pair[1]}: {contrast(one, other):.2f}"


def test_black_on_white_is_21():
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
