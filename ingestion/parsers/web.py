"""Web pages, e-books and marked-up text."""

import re
from html import unescape

from lxml import etree, html

from ingestion.clean import clean
from ingestion.errors import IngestionError
from ingestion.parsers import Block, Draft, Source
from ingestion.parsers.decode import decode
from ingestion.parsers.elements import blocks_from, prepare
from ingestion.parsers.package import check_package
from ingestion.sentence import sentence as _

_DECLARED = re.compile(
    rb"charset\s*=\s*[\"']?\s*([\w.-]{2,40})|<\?xml[^>]{0,200}encoding=[\"']([\w.-]{2,40})", re.IGNORECASE
)
_FURNITURE = (
    "//nav|//footer|//aside|//script|//style|//noscript|//template|//select|//iframe|//object|//svg|//comment()"
)
_HIDDEN = re.compile(
    r"display\s*:\s*none|visibility\s*:\s*hidden|(?:font-size|opacity)\s*:\s*0+(?:\.0*)?[a-z%]{0,3}\s*(?:;|$)",
    re.IGNORECASE,
)
_DEEPEST = 200  # elements: deeper ones are put into the last that counts


def parse_html(source: Source) -> Draft:
    data = source.path.read_bytes()
    declared = _DECLARED.search(data[:4096])
    name = (declared[1] or declared[2]).decode("ascii") if declared else ""
    return html_draft(decode(data, name))


def html_draft(text: str) -> Draft:
    """The page's own content: without its navigation, scripts and hidden parts."""
    root = _root(text)
    title = (root.findtext(".//title") or "") if root is not None else ""
    body = _main(root) if root is not None else None
    blocks = _partitioned(body) or _plain(body) if body is not None else []
    return Draft(blocks if any(block.text.strip() for block in blocks) else _stripped(text), title)


def _root(text: str) -> html.HtmlElement | None:
    text = re.sub(r"^\s*<\?xml[^>]*\?>", "", clean(text))
    parser = html.HTMLParser(huge_tree=False, remove_comments=True, remove_pis=True, no_network=True)
    try:
        return html.document_fromstring(text, parser=parser)
    except (etree.ParserError, etree.XMLSyntaxError, ValueError):
        return None


def _main(root: html.HtmlElement) -> html.HtmlElement:
    """The part that the page calls its main one, if it holds a good part of the words; else all but the furniture."""
    for element in root.xpath(_FURNITURE):
        _drop(element)
    for element in [*root.xpath("//*[@hidden]"), *root.xpath("//*[@style]")]:
        if element.get("hidden") is not None or _HIDDEN.search(element.get("style", "")):
            _drop(element)
    body = root.find("body")
    body = root if body is None else body
    words = len(body.text_content())
    for place in ("//main", "//*[@role='main']", "//article"):
        found = root.xpath(place)
        if len(found) == 1 and len(found[0].text_content()) > 0.4 * words:
            return found[0]
    return body


def _drop(element: html.HtmlElement) -> None:
    if element.getparent() is not None and element.tag not in ("html", "body"):
        element.drop_tree()


def _depth(element: html.HtmlElement) -> int:
    deepest, level = 0, 0
    for event, _element in etree.iterwalk(element, events=("start", "end")):
        level += 1 if event == "start" else -1
        deepest = max(deepest, level)
    return deepest


def _partitioned(body: html.HtmlElement) -> list[Block]:
    if _depth(body) > _DEEPEST:
        return []
    prepare()
    from unstructured.partition.html import partition_html

    source = etree.tostring(body, encoding="unicode", method="html")
    return list(blocks_from(partition_html(text=f"<html><body>{source}</body></html>", languages=[""])))


def _plain(body: html.HtmlElement) -> list[Block]:
    """The text of a page that is too deeply nested, or too odd, to be taken apart."""
    return [Block(part) for part in re.split(r"\n\s*\n", body.text_content())]


def _stripped(text: str) -> list[Block]:
    """What is left without the tags, where the parser gave up over the page."""
    bare = re.sub(r"(?is)<(script|style|template)\b.{0,100000}?</\1>|<!--.{0,100000}?-->", " ", text)
    return [Block(unescape(re.sub(r"(?i)<[a-z/!][^<>]{0,10000}>", " ", bare)))]


def parse_markdown(source: Source) -> Draft:
    text = decode(source.path.read_bytes())
    front, body = _front_matter(clean(text))
    title = re.search(r"^title:[ \t]*[\"']?(.{1,200}?)[\"']?[ \t]*$", front, re.MULTILINE)
    return Draft(markdown_blocks(body), title[1] if title else "")


def _front_matter(text: str) -> tuple[str, str]:
    match = re.match(r"---[ \t]*\n(.{0,5000}?)\n---[ \t]*\n", text, re.DOTALL)
    return (match[1], text[match.end() :]) if match else ("", text)


def markdown_blocks(text: str) -> list[Block]:
    import markdown

    page = markdown.markdown(text, extensions=["tables", "fenced_code", "sane_lists", "attr_list"])
    return list(html_draft(page).blocks) if page.strip() else []


def parse_rst(source: Source) -> Draft:
    return _through_pandoc(source, "rst")


def parse_org(source: Source) -> Draft:
    return _through_pandoc(source, "org")


def parse_epub(source: Source) -> Draft:
    check_package(source.path)
    return Draft(html_draft(pandoc(source, "epub")).blocks, epub_title(source))


def _through_pandoc(source: Source, format: str) -> Draft:
    """Where Pandoc takes the first heading for the document's title, the others stand below it."""
    draft = html_draft(pandoc(source, format, "--standalone", "--shift-heading-level-by=1"))
    return Draft(draft.blocks)  # the page's title is the name of our copy


def pandoc(source: Source, format: str, *options: str) -> str:
    """The file as HTML. In its sandbox Pandoc reads no other file and no address, whatever the document includes."""
    import pypandoc

    path = source.path
    if format in ("rst", "org"):
        path = source.workspace / f"decoded.{format}"
        path.write_text(clean(decode(source.path.read_bytes())), encoding="utf-8")
    try:
        return pypandoc.convert_file(
            str(path), "html", format=format, sandbox=True, extra_args=["--wrap=none", "--quiet", *options]
        )
    except RuntimeError as error:
        if "memory" in str(error).lower() or "heap" in str(error).lower():
            raise MemoryError from error
        raise IngestionError(_("This file is damaged, or not what its name says.")) from None


def epub_title(source: Source) -> str:
    import zipfile

    with zipfile.ZipFile(source.path) as book:
        for name in book.namelist():
            if name.endswith(".opf"):
                match = re.search(rb"<dc:title[^>]*>([^<]{1,300})<", book.read(name))
                return html.fromstring(match[1].decode("utf-8", "replace")).text_content() if match else ""
    return ""
