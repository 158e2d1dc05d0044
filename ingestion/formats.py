"""The formats that can be read, and the names they go by."""

from dataclasses import dataclass

from ingestion.sentence import Sentence
from ingestion.sentence import sentence as _


@dataclass(frozen=True)
class Kind:
    """What a file is: the format that its parser goes by, and the media type that browsers and people do."""

    format: str
    media_type: str


_OOXML = "application/vnd.openxmlformats-officedocument."
_ODF = "application/vnd.oasis.opendocument."
MEDIA_TYPES = {
    "pdf": "application/pdf",
    "docx": _OOXML + "wordprocessingml.document",
    "pptx": _OOXML + "presentationml.presentation",
    "xlsx": _OOXML + "spreadsheetml.sheet",
    "doc": "application/msword",
    "ppt": "application/vnd.ms-powerpoint",
    "xls": "application/vnd.ms-excel",
    "odt": _ODF + "text",
    "ods": _ODF + "spreadsheet",
    "odp": _ODF + "presentation",
    "rtf": "application/rtf",
    "epub": "application/epub+zip",
    "html": "text/html",
    "md": "text/markdown",
    "rst": "text/x-rst",
    "org": "text/x-org",
    "eml": "message/rfc822",
    "msg": "application/vnd.ms-outlook",
    "txt": "text/plain",
    "code": "text/x-source",
    "csv": "text/csv",
    "json": "application/json",
    "jsonl": "application/jsonl",
    "xml": "application/xml",
    "ipynb": "application/x-ipynb+json",
    "zip": "application/zip",
}

# Of text formats the extension decides: nothing in the bytes tells Markdown from a letter.
TEXT_EXTENSIONS = {
    "html": "html", "htm": "html", "xhtml": "html",
    "md": "md", "markdown": "md", "mdx": "md",
    "rst": "rst", "org": "org",
    "eml": "eml", "mht": "eml", "mhtml": "eml",
    "csv": "csv", "tsv": "csv", "tab": "csv",
    "json": "json", "geojson": "json", "jsonl": "jsonl", "ndjson": "jsonl",
    "xml": "xml", "rss": "xml", "atom": "xml", "svg": "xml", "xsd": "xml", "wsdl": "xml",
    "ipynb": "ipynb",
    "txt": "txt", "text": "txt", "log": "txt",
}  # fmt: skip

_CODE = """
py pyi js mjs cjs jsx ts tsx java kt kts scala go rs c h cc cpp cxx hpp hh cs swift m mm rb php pl pm lua r jl
sh bash zsh fish ps1 bat cmd sql css scss sass less vue svelte dart ex exs erl hs ml fs clj lisp el vim asm s
proto graphql tf hcl toml yaml yml ini cfg conf properties gradle groovy cmake mk dockerfile makefile tex bib
v sv vhd nim zig f f90 pas diff patch
"""
CODE_EXTENSIONS = frozenset(_CODE.split())

SUPPORTED: tuple[Sentence | str, ...] = (
    "PDF", "Word (.docx)", "PowerPoint (.pptx)", "Excel (.xlsx, .xls)", "OpenDocument (.odt, .ods, .odp)", "RTF",
    "EPUB", "HTML", "Markdown", "reStructuredText", _("mail (.eml, .msg)"), _("plain text"), _("CSV and TSV"), "JSON",
    "XML", _("Jupyter notebooks"), _("source code"), _("pictures (PNG, JPEG, TIFF, WebP, BMP, GIF)"),
    _("ZIP archives of these"),
)  # fmt: skip
