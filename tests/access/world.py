"""What Alice has, how it is asked for, and how an answer that holds anything of it is known."""

import hashlib
import io
import json
import re
from dataclasses import dataclass

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import get_resolver
from django.utils import timezone

from kb.files import path_of
from kb.models import ApiKey, Chunk, Chunking, Document, KnowledgeBase, Section
from tests.access import table
from tests.access.table import Use

CANARY = "zyzzogeton"  # stands in everything of Alice's; no byte that Charlie gets may hold it
HTMX = {"HX-Request": "true"}
METHODS = ["get", "head", "post", "put", "patch", "delete"]


def routes(patterns=None, prefix: str = "") -> set[str]:
    """Every route of the installation, as the URL configuration writes it."""
    found = set()
    for entry in get_resolver().url_patterns if patterns is None else patterns:
        route = prefix + str(entry.pattern)
        found |= routes(entry.url_patterns, route) if hasattr(entry, "url_patterns") else {route}
    return found


def uses(routes: dict[str, list[Use]]) -> list:
    return [pytest.param(route, use, id=f"{route} {use.name}") for route, each in routes.items() for use in each]


PAGES, API = uses(table.OBJECTS), uses(table.API_OBJECTS)
BOTH = PAGES + API


@dataclass(frozen=True)
class World:
    """Alice's things, by the names that routes and the table use for them."""

    names: dict[str, object]

    def address(self, route: str, use: Use | None = None) -> str:
        kind = "document" if "documents/<uuid" in route else "conversation" if "conversations/" in route else "base"
        known = {**self.names, "pk": self.names[kind], "id": self.names[kind], "number": 1, "index": 1}
        if "<int:pk>" in route:
            kinds = {"messages/": "message", "keys": "key", "people": "invitation", "": "citation"}
            known["pk"] = self.names[next(kind for part, kind in kinds.items() if part in route)]
        path = re.sub(r"<(?:\w+:)?(\w+)>", lambda found: str(known[found[1]]), route)
        return "/" + path + (use.query if use else "").format(**self.names)

    def data(self, use: Use) -> dict:
        """The fields of a form, or of a body; files under the name that the table gives."""
        filled = {k: v.format(**self.names) if isinstance(v, str) else v for k, v in use.data.items()}
        if use.upload:
            filled["file"] = SimpleUploadedFile(filled["file"], b"Some words that are new here.\n", "text/plain")
        return filled


def pdf(text: str) -> bytes:
    from reportlab.pdfgen.canvas import Canvas

    out = io.BytesIO()
    canvas = Canvas(out, invariant=1)
    canvas.drawString(72, 720, text)
    canvas.save()
    return out.getvalue()


def add_document(base: KnowledgeBase, name: str, text: str) -> Chunk:
    """A finished document of one page, and its only chunk."""
    content = pdf(f"{name} {text}")
    sha256 = hashlib.sha256(content).hexdigest()
    path_of(sha256).parent.mkdir(parents=True, exist_ok=True)
    if not path_of(sha256).exists():
        path_of(sha256).write_bytes(content)
    document = Document.objects.create(
        knowledge_base=base, title=f"{name} {CANARY}", name=f"{CANARY}.pdf", media_type="application/pdf", pages=1,
        size=len(content), sha256=sha256, status="ready", characters=len(text), ready_at=timezone.now(),
    )  # fmt: skip
    Section.objects.create(document=document, ordinal=0, kind="paragraph", text=text, start=0, page=1)
    chunking = Chunking.objects.get_or_create(knowledge_base=base, tokenizer="t", tokens=200, overlap=20)[0]
    return Chunk.objects.create(
        document=document, chunking=chunking, ordinal=0, text=text, page=1, start=0, end=len(text), tokens=20,
        digest=hashlib.sha256(text.encode()).hexdigest(), boxes=[[1, 0.1, 0.1, 0.5, 0.2]],
    )  # fmt: skip


def client_for(user, route: str = "") -> Client:
    """Signed in by session; for the API, by a key."""
    if route.startswith(("api/", "v1/")):
        return Client(headers={"authorization": f"Bearer {ApiKey.issue(user, 'test')[1]}"})
    client = Client()
    client.force_login(user)
    return client


def send(client: Client, world: World, route: str, use: Use, **headers):
    address, data = world.address(route, use), world.data(use)
    if route.startswith("api/") and use.method != "get" and not use.upload:
        return client.generic(use.method.upper(), address, json.dumps(data), "application/json", headers=headers)
    return getattr(client, use.method)(address, data if use.method == "post" else None, headers=headers)


def bytes_of(response) -> bytes:
    body = b"".join(response.streaming_content) if response.streaming else response.content
    return body + repr(response.headers).encode()


def assert_no_canary(response) -> None:
    assert CANARY.encode() not in bytes_of(response).lower()


def is_open(response) -> bool:
    """Whether the person got in: an answer that is neither a refusal nor an error of ours."""
    response.close()
    assert response.status_code < 500
    if response.status_code == 302:
        assert not response["Location"].startswith("/login")
    return response.status_code not in (401, 403, 404, 405)
