"""A formula, written in TeX, as MathML that browsers show by themselves."""

import re
from functools import lru_cache
from xml.etree import ElementTree

from latex2mathml.converter import convert

LONGEST = 2_000  # characters of TeX; longer ones are shown as they are written
DEEPEST = 20  # braces in braces
TAGS = frozenset(
    """math mrow mi mn mo ms mtext mspace mfrac msqrt mroot msub msup msubsup munder mover munderover mmultiscripts
    mprescripts mtable mtr mtd mstyle mpadded mphantom menclose""".split()
)
ATTRIBUTES = frozenset(
    """display displaystyle scriptlevel mathvariant stretchy fence separator accent form lspace rspace minsize
    maxsize linethickness columnalign rowalign columnspacing rowspacing columnlines rowlines movablelimits notation
    symmetric width height depth voffset largeop""".split()
)
XMLNS = re.compile(r"\{[^}]*\}")


@lru_cache(1024)
def mathml(tex: str, *, is_block: bool = False) -> str | None:
    """`<math>...</math>`, made of TAGS with ATTRIBUTES alone; None where the TeX is not understood or too long."""
    if len(tex) > LONGEST or _depth(tex) > DEEPEST or not tex.strip():
        return None
    try:
        made = convert(tex.strip(), display="block" if is_block else "inline")
        # the converter passes on what looks like a tag; only elements of its own may be in the result
        return made if "<!" not in made and _is_formula(ElementTree.fromstring(made)) else None
    except Exception:  # its errors have no common base, and some are those of Python's own containers
        return None


def _depth(tex: str) -> int:
    deepest = depth = 0
    for sign in re.findall(r"[{}]|\\left\b|\\right\b|\\begin\b|\\end\b", tex):
        depth += 1 if sign in ("{", "\\left", "\\begin") else -1
        deepest = max(deepest, depth)
    return deepest


def _is_formula(root: ElementTree.Element) -> bool:
    return all(XMLNS.sub("", str(element.tag)) in TAGS for element in root.iter())
