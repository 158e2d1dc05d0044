"""The last gate for HTML that was made of an answer: what is not on the list does not get through."""

import re

import nh3

from search import formula

TAGS = frozenset(
    """p br hr h3 h4 h5 h6 strong em code pre ul ol li blockquote div table thead tbody tr th td span a mark
    small""".split()
)
CLASSES = {
    "div": {"table-scroll", "formula"},
    "table": {"table"},
    "th": {"align-right", "align-center"},
    "td": {"align-right", "align-center"},
    "span": {
        "cite",
        "cite-card",
        "cite-derived",
        "cite-open",
        "cite-text",
        "cite-title",
        "soft",
        "link-host",
        "claim-note",
        "claim-unsupported",
        "claim-elsewhere",
    },
    "a": {"citation"},
}
ATTRIBUTES = {
    "a": {"href", "aria-label"},
    "span": {"aria-hidden", "role"},
    "div": {"tabindex", "role"},
    "ol": {"start"},
    **{tag: set(formula.ATTRIBUTES) for tag in formula.TAGS},
}
SOURCE = re.compile(
    r"#source-\d+|(?:/[\w.~-]+)*/documents/[0-9a-f-]{36}/\?(?:citation=\d+|start=\d+&end=\d+(?:&mark=\d+-\d+)*)#passage"
)
PLAIN_VALUE = re.compile(r"[\w .,%+#-]*")


def _kept(tag: str, name: str, value: str) -> str | None:
    """The value, or None for an attribute that is left out: a link leads to a source, the others are plain words."""
    if name == "href":
        return value if SOURCE.fullmatch(value) else None
    return value if name in ("aria-label", "class") or PLAIN_VALUE.fullmatch(value) else None


_cleaner = nh3.Cleaner(
    tags=set(TAGS | formula.TAGS),
    attributes=ATTRIBUTES,
    attribute_filter=_kept,
    allowed_classes=CLASSES,
    url_schemes=set(),
    link_rel=None,
)


def clean(html: str) -> str:
    """The HTML with nothing in it but TAGS and MathML, their CLASSES and ATTRIBUTES, and links to sources."""
    return _cleaner.clean(html)
