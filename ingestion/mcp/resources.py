"""Documents as resources: `lectern://documents/ID` is the text of one, `.../pages/N` a page of it."""

import base64
import binascii
import re
from datetime import datetime
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

from django.db.models import Q
from django.utils.translation import gettext as _
from mcp import types

from ingestion.mcp.calls import Caller, Refusal, must_be_for
from ingestion.mcp.texts import ADDRESS, page_place, piece_of, uri_of
from kb.access import documents_in, get_readable_document, readable_by
from kb.models import ApiKey, Document

PAGE = 100  # documents of one listing
MOST = 400_000  # characters of one reading
TEXT = "text/plain"
URI = re.compile(rf"{re.escape(ADDRESS)}(?P<document>[0-9a-fA-F-]{{36}})(?:/pages/(?P<page>\d{{1,7}}))?")
TEMPLATES = [
    types.ResourceTemplate(
        name="document", title="A document", uri_template=f"{ADDRESS}{{document}}{{?start}}", mime_type=TEXT,
        description="The text of a document by its id; start is where to begin, in characters, in one that is long.",
    ),
    types.ResourceTemplate(
        name="page", title="A page of a document", uri_template=f"{ADDRESS}{{document}}/pages/{{page}}",
        mime_type=TEXT, description="The text of one page of a document that has pages.",
    ),
]  # fmt: skip


def listed(caller: Caller, cursor: str | None) -> types.ListResourcesResult:
    """The documents that can be read, the newest first. Raises Refusal for a cursor that is none of ours."""
    must_be_for(caller, (ApiKey.Scope.READ,))
    ready = documents_in(readable_by(caller.user)).filter(status=Document.Status.READY)
    found = list(_after(ready, cursor).select_related("knowledge_base").order_by("-created_at", "pk")[: PAGE + 1])
    more = found[PAGE - 1] if len(found) > PAGE else None
    return types.ListResourcesResult(
        resources=[_resource(one) for one in found[:PAGE]],
        next_cursor=_cursor(more) if more else None,
    )


def _resource(document: Document) -> types.Resource:
    return types.Resource(
        uri=uri_of(document.pk),
        name=document.name,
        title=document.title,
        description=document.knowledge_base.name,
        mime_type=TEXT,
        annotations=types.Annotations(last_modified=document.created_at.isoformat()),
    )


def _cursor(document: Document) -> str:
    return base64.urlsafe_b64encode(f"{document.created_at.isoformat()} {document.pk}".encode()).decode()


def _after(documents, cursor: str | None):
    if cursor is None:
        return documents
    try:
        when, _space, pk = base64.urlsafe_b64decode(cursor).decode().partition(" ")
        place, last = datetime.fromisoformat(when), UUID(pk)
    except (binascii.Error, ValueError):
        raise Refusal(_("This cursor is not one that a listing gave.")) from None
    if place.tzinfo is None:
        raise Refusal(_("This cursor is not one that a listing gave."))
    return documents.filter(Q(created_at__lt=place) | Q(created_at=place, pk__gt=last))


def read(caller: Caller, uri: str) -> types.ReadResourceResult:
    """The text; of a long one as much as is read at once, with the address of the rest as `_meta`'s `next`.

    Raises Refusal and Http404.
    """
    must_be_for(caller, (ApiKey.Scope.READ,))
    address, start = _parsed(uri)
    document = get_readable_document(caller.user, UUID(address["document"]))
    end = start + MOST
    if address["page"]:
        start, page_end = page_place(document, int(address["page"]))
        end = min(start + MOST, page_end)
    piece = piece_of(document, start, end)
    rest = {} if address["page"] or piece.next_start is None else {"next": f"{uri_of(document.pk)}?start={piece.end}"}
    content = types.TextResourceContents(uri=uri, mime_type=TEXT, text=piece.text, _meta=rest or None)
    return types.ReadResourceResult(contents=[content])


def _parsed(uri: str) -> tuple[dict[str, str | None], int]:
    """The parts of an address, and where to begin. Raises Refusal where it is none."""
    parts = urlsplit(uri)
    match = URI.fullmatch(uri.partition("?")[0])
    starts = parse_qs(parts.query).get("start", ["0"])
    try:
        if not match or not starts[0].isascii() or not starts[0].isdigit() or len(starts[0]) > 9:
            raise ValueError(uri)
        UUID(match["document"])
    except ValueError:
        raise Refusal(_("There is nothing here, or it is not yours to see."), is_missing=True) from None
    return match.groupdict(), int(starts[0])
