"""How a document's kind and progress are called."""

from django import template
from django.utils.translation import get_language_info, gettext_lazy
from django.utils.translation import gettext as _

from ingestion.formats import MEDIA_TYPES
from kb.models import Document
from search.organising.organised import marks_of

register = template.Library()

KINDS = {
    "pdf": "PDF", "docx": "Word", "doc": "Word", "pptx": "PowerPoint", "ppt": "PowerPoint", "xlsx": "Excel",
    "xls": "Excel", "odt": "OpenDocument", "ods": "OpenDocument", "odp": "OpenDocument", "rtf": "RTF", "epub": "EPUB",
    "html": "HTML", "md": "Markdown", "rst": "reStructuredText", "org": "Org", "eml": gettext_lazy("Mail"),
    "msg": gettext_lazy("Mail"), "txt": gettext_lazy("Text"), "code": gettext_lazy("Source code"), "csv": "CSV",
    "json": "JSON", "jsonl": "JSON", "xml": "XML", "ipynb": "Jupyter", "zip": "ZIP",
}  # fmt: skip
NAMES = {media_type: KINDS.get(name, name) for name, media_type in MEDIA_TYPES.items()}


@register.filter
def kind_name(media_type: str) -> str:
    """What people call a media type."""
    if media_type.startswith("image/"):
        return _("Picture")
    return str(NAMES.get(media_type, media_type))


@register.filter
def progress_words(document: Document) -> str:
    """What is being done with an unfinished document, with numbers where there are any."""
    numbers = {"done": document.progress, "total": document.progress_total}
    if document.status == Document.Status.QUEUED and document.stage == Document.Stage.PARSING:
        return _("waiting")
    if document.stage == Document.Stage.EMBEDDING:
        return _("embedding %(done)s of %(total)s") % numbers if document.progress_total else _("embedding")
    if document.stage == Document.Stage.CHUNKING:
        return _("cutting into passages")
    if document.progress_total > 1:
        return _("parsing page %(done)s of %(total)s") % numbers
    return _("parsing")


@register.filter
def state_of(document: Document) -> str:
    """What a row of the list shows that can change, as one short text: the page replaces a row when it differs."""
    shown = (document.status, document.stage, document.progress, document.progress_total, document.pages)
    return f"{':'.join(map(str, shown))}:{document.title}:{document.error[:40]}:{marks_of(document)}"


@register.filter
def language_called(code: str) -> str:
    """A language's name in the reader's language, or its code where Django has no name for it."""
    try:
        return _(get_language_info({"zh": "zh-hans"}.get(code, code))["name"])
    except KeyError:
        return code
