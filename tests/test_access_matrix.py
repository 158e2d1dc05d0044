"""Every address against everyone: generated from the URL configuration and tests/access_table.py."""

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
from kb.models import ApiKey, Chunk, Chunking, Document, KnowledgeBase, Membership, Role, Section, digest_of
from search.models import Citation, Conversation, Message
from tests import access_table as table
from tests.access_table import ADMINISTRATOR, EDITOR, MANAGER, OWNER, VIEWER, Use

CANARY = "zyzzogeton"  # stands in everything of Alice's; no byte that Charlie gets may hold it
ROLES = [VIEWER, EDITOR, MANAGER]
HTMX = {"HX-Request": "true"}
METHODS = ["get", "head", "post", "put", "patch", "delete"]


# --- the routes ------------------------------------------------------------------------


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


@pytest.mark.parametrize("route", sorted(routes()))
def test_somebody_decided_who_may_use_it(route):
    kinds = [kind for kind in table.KINDS if kind(route)]
    assert len(kinds) == 1, f"Put the route {route!r} into exactly one place of tests/access_table.py."


def test_the_table_names_no_route_that_is_gone():
    named = {*table.PUBLIC, *table.BY_TOKEN, *table.SIGNED_IN, *table.ADMINISTRATORS, *table.WITH_KEY}
    assert named | set(table.OBJECTS) | set(table.API_OBJECTS) <= routes()


# --- what Alice has ----------------------------------------------------------------------


@dataclass(frozen=True)
class World:
    """Alice's things, by the names that routes and the table use for them."""

    names: dict[str, object]

    def address(self, route: str, use: Use | None = None) -> str:
        kind = "document" if "documents/<uuid" in route else "conversation" if "conversations/" in route else "base"
        known = {**self.names, "pk": self.names[kind], "id": self.names[kind], "number": 1}
        if "<int:pk>" in route:
            known["pk"] = self.names["key" if "keys" in route else "invitation" if "people" in route else "citation"]
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


@pytest.fixture
def world(alice, bob, charlie, handbook):
    handbook.name = f"Handbook {CANARY}"
    handbook.save()
    chunk = add_document(handbook, "Rules", f"Records are kept for ten years, says {CANARY}.")
    conversation = Conversation.objects.create(user=alice, title=f"About {CANARY}")
    message = Message.objects.create(
        conversation=conversation, question=f"What of {CANARY}?", answer="Ten years. [1]", is_answered=True
    )
    citation = Citation.objects.create(
        message=message, number=1, document=chunk.document, chunk=chunk, title=chunk.document.title, text=chunk.text,
        start=chunk.start, end=chunk.end, page=1, marks=[[0, 20]],
    )  # fmt: skip
    token = f"token-{CANARY}"
    invitation = handbook.invitations.create(
        token_digest=digest_of(token), invited_by=alice, email=f"{CANARY}@example.org",
        expires_at=timezone.now() + timezone.timedelta(days=1),
    )  # fmt: skip
    key, _secret = ApiKey.issue(alice, CANARY)
    return World(
        {
            "base": handbook.pk, "name": handbook.name, "document": chunk.document_id, "chunk": chunk.pk,
            "conversation": conversation.pk, "message": message.pk, "citation": citation.pk, "key": key.pk,
            "invitation": invitation.pk, "token": token, "charlie": charlie.pk, "bob": bob.pk, "alice": alice.pk,
            "member": handbook.memberships.get(user=bob).pk,
        }
    )  # fmt: skip


def client_for(user, route: str = "") -> Client:
    """Signed in by session; for the API, by a key."""
    if route.startswith("api/"):
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


# --- objects --------------------------------------------------------------------------------


@pytest.mark.parametrize("headers", [{}, HTMX], ids=["page", "htmx"])
@pytest.mark.parametrize(("route", "use"), BOTH)
def test_charlie_gets_404(world, charlie, route, use, headers):
    response = send(client_for(charlie, route), world, route, use, **headers)
    assert response.status_code == 404
    assert_no_canary(response)


@pytest.mark.parametrize("route", [*table.OBJECTS, *table.API_OBJECTS])
def test_charlie_gets_nothing_by_any_method(world, charlie, route):
    client = client_for(charlie, route)
    for method in METHODS:
        response = getattr(client, method)(world.address(route))
        # 422: the API reads a body before it looks for what it is about
        assert response.status_code in ((404, 405, 422) if route.startswith("api/") else (404, 405)), method
        assert_no_canary(response)
    assert Document.objects.filter(pk=world.names["document"], deleted_at=None).exists()


@pytest.mark.parametrize(("route", "use"), BOTH)
def test_charlies_404_is_that_of_what_is_not_there(world, charlie, route, use):
    """Nobody can tell a thing of somebody else's from one that does not exist."""
    theirs = send(client_for(charlie, route), world, route, use)
    nowhere = "00000000-0000-4000-8000-000000000000"
    ids = ("base", "document", "conversation")
    gone = World({**world.names, **dict.fromkeys(ids, nowhere), "citation": 987654, "key": 987654, "member": 987654})
    missing = send(client_for(charlie, route), gone, route, use)
    assert missing.status_code == theirs.status_code
    assert _without_secrets(missing, gone) == _without_secrets(theirs, world)


def _without_secrets(response, world: World) -> str:
    """A page's text without what differs from request to request: the ids in it, nonces, tokens."""
    text = response.content.decode()
    for name in ("base", "document", "conversation", "citation", "key", "member"):
        text = text.replace(str(world.names[name]), "ID") if len(str(world.names[name])) > 8 else text
    text = re.sub(r"/(?:\d+)(?=[/\"?])", "/ID", text)
    return re.sub(r'(nonce|value|X-CSRFToken)"?[=:]\s*(?:&quot;|")[^"&]*', "", text)


@pytest.mark.parametrize(("route", "use"), BOTH)
def test_a_stranger_without_account_is_sent_to_the_login(world, client, route, use):
    response = send(client, world, route, use)
    if route.startswith("api/"):
        assert response.status_code == 401
    elif response.status_code != 405:
        assert response.status_code == 302
        assert response["Location"].startswith("/login")
    assert_no_canary(response) if not use.query else None


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize(("route", "use"), BOTH)
def test_bobs_role_opens_what_it_should_and_no_more(world, bob, handbook, route, use, role):
    Membership.objects.filter(knowledge_base=handbook, user=bob).update(role=role)
    response = send(client_for(bob, route), world, route, use)
    may = use.who != OWNER and ROLES.index(role) >= ROLES.index(use.who)
    assert is_open(response) == may
    if not may:
        assert response.status_code == 404


@pytest.mark.parametrize(("route", "use"), BOTH)
def test_alice_gets_in(world, alice, route, use):
    assert is_open(send(client_for(alice, route), world, route, use))


@pytest.mark.parametrize(("route", "use"), [each for each in BOTH if each.values[1].who != OWNER])
def test_what_is_deleted_is_gone_for_alice_too(world, alice, handbook, route, use):
    handbook.deleted_at = timezone.now()
    handbook.save()
    assert send(client_for(alice, route), world, route, use).status_code == 404


# --- pages of one's own, and of administrators ------------------------------------------------


@pytest.mark.parametrize("route", sorted(table.SIGNED_IN | table.WITH_KEY))
def test_charlies_own_pages_show_nothing_of_alices(world, charlie, route):
    client = client_for(charlie, route)
    for method in METHODS:
        response = getattr(client, method)(f"/{route}")
        assert response.status_code < 500
        assert_no_canary(response)


@pytest.mark.parametrize("route", sorted(table.SIGNED_IN | table.ADMINISTRATORS))
def test_without_an_account_there_is_only_the_login(world, client, route):
    for method in METHODS:
        response = getattr(client, method)(world.address(route))
        assert response.status_code in (302, 405)
        assert response.status_code == 405 or response["Location"].startswith("/login")


@pytest.mark.parametrize("route", sorted(table.WITH_KEY))
def test_without_a_key_the_api_is_closed(world, client, route):
    assert {client.get(f"/{route}").status_code, client.post(f"/{route}").status_code} <= {401, 405}


@pytest.mark.parametrize("route", sorted(table.PUBLIC))
def test_public_pages_show_nothing_of_alices(world, client, charlie, route):
    for each in (client, client_for(charlie)):
        for method in METHODS:
            assert_no_canary(getattr(each, method)("/" + route.replace("<path:rest>", "nothing")))


def test_an_invitation_says_no_more_than_it_must(world, client):
    """Whoever has the link may know to what it leads; whoever hasn't, nothing."""
    assert client.get(f"/invitations/{world.names['token']}/").status_code == 200
    wrong = client.get("/invitations/wrong/")
    assert wrong.status_code == 404
    assert_no_canary(wrong)


ADMIN_ROUTES = sorted(route for route in routes() if table.is_administration(route))


def admin_address(route: str, world: World) -> str:
    route = route.replace("^(?P<app_label>kb|auth|search)/$", "kb/").replace("(?P<url>.*)$", "nowhere")
    known = {"kb/document/": "document", "kb/knowledgebase/": "base", "kb/chunk/": "chunk", "kb/user/": "alice"}
    pk = next((world.names[name] for part, name in known.items() if part in route), 1)
    return "/" + re.sub(r"<(?:\w+:)?\w+>", str(pk), route)


@pytest.mark.parametrize("route", ADMIN_ROUTES)
def test_the_panel_is_for_administrators_alone(world, client, alice, charlie, route):
    address = admin_address(route, world)
    for method in ("get", "post"):
        response = getattr(client, method)(address)
        assert response.status_code in (302, 404)
        assert_no_canary(response)
        for user in (alice, charlie):
            response = getattr(client_for(user), method)(address, follow=True)
            assert response.status_code == 404
            assert_no_canary(response)


@pytest.mark.parametrize("route", ADMIN_ROUTES)
def test_an_administrator_finds_the_panel_in_order(world, admin, route):
    assert client_for(admin).get(admin_address(route, world)).status_code in (200, 301, 302, 403, 404, 405)


@pytest.mark.parametrize("route", sorted(table.ADMINISTRATORS))
def test_administrators_pages_are_not_there_for_others(world, alice, charlie, admin, route):
    use = Use(ADMINISTRATOR, "post" if "revoke" in route else "get")
    for user in (alice, charlie):
        response = send(client_for(user), world, route, use)
        assert response.status_code == 404
    assert is_open(send(client_for(admin), world, route, use))


# --- ids of Alice's in what Charlie sends --------------------------------------------------------


@pytest.fixture
def notebook(charlie):
    """Charlie's own knowledge base, through which he tries to reach Alice's."""
    made = KnowledgeBase.objects.create(name="Notebook", created_by=charlie)
    Membership.objects.create(knowledge_base=made, user=charlie, role=Role.MANAGER)
    return made


@pytest.mark.parametrize(
    ("method", "path", "data"),
    [
        ("post", "/ask", {"question": "How long are records kept?", "kb": "{base}", "mode": "keyword"}),
        ("post", "/ask", {"question": "How long?", "conversation": "{conversation}", "mode": "keyword"}),
        ("get", "/search", {"q": "records kept", "kb": "{base}", "mode": "keyword"}),
        ("post", "/knowledge-bases/{own}/members/{member}/role", {"role": "editor"}),
        ("post", "/knowledge-bases/{own}/members/{member}/remove", {}),
    ],
)
def test_charlie_cannot_name_what_is_alices(world, charlie, notebook, method, path, data):
    names = {**world.names, "own": notebook.pk}
    data = {name: value.format(**names) for name, value in data.items()}
    response = getattr(client_for(charlie), method)(path.format(**names), data)
    assert response.status_code == 404
    assert_no_canary(response)
    assert not Message.objects.filter(conversation__user=charlie).exists()


@pytest.mark.parametrize("path", ["search", "answer"])
def test_charlies_key_cannot_name_what_is_alices(world, charlie, notebook, path):
    words = {"query" if path == "search" else "question": "How long are records kept?", "mode": "keyword"}
    for scope in ([str(world.names["base"])], [str(notebook.pk), str(world.names["base"])]):
        body = json.dumps({**words, "knowledge_bases": scope})
        response = client_for(charlie, "api/").post(f"/api/v1/{path}", body, content_type="application/json")
        assert response.status_code == 404
        assert_no_canary(response)


@pytest.mark.parametrize("action", ["delete", "cancel", "retry"])
def test_charlies_bulk_actions_reach_only_his_own_documents(world, charlie, notebook, action):
    Document.objects.update(status="queued" if action == "cancel" else "failed")
    before = Document.objects.filter(pk=world.names["document"]).values().get()
    data = {"action": action, "document": [str(world.names["document"])]}
    response = client_for(charlie).post(f"/knowledge-bases/{notebook.pk}/documents/bulk", data)
    assert_no_canary(response)
    assert Document.objects.filter(pk=world.names["document"]).values().get() == before


def test_charlie_cannot_preview_alices_document(world, charlie, notebook):
    data = {"text": "", "document": str(world.names["document"]), "chunk_tokens": 64, "chunk_overlap": 8}
    assert_no_canary(client_for(charlie).post(f"/knowledge-bases/{notebook.pk}/chunk-preview", data))


@pytest.mark.parametrize("query", ["?chunk={chunk}", "?citation={citation}"])
def test_charlies_viewer_opens_nothing_of_alices(world, charlie, notebook, query):
    own = add_document(notebook, "Notes", "Nothing to see here.").document
    Document.objects.filter(pk=own.pk).update(title="Notes", name="notes.pdf")
    response = client_for(charlie).get(f"/documents/{own.pk}/{query.format(**world.names)}")
    assert response.status_code in (200, 404)
    assert_no_canary(response)


@pytest.mark.parametrize("query", ["?kb={base}", "?knowledge_bases={base}", "?q=&kb={base}"])
def test_an_address_with_alices_id_shows_charlie_nothing(world, charlie, query):
    for page in ("/", "/search"):
        assert_no_canary(client_for(charlie).get(page + query.format(**world.names)))


def test_bob_who_left_no_longer_sees_the_sources_of_his_answers(world, bob, handbook):
    """The copy of a passage in a citation is not shown to whoever may no longer read the document."""
    conversation = Conversation.objects.create(user=bob, title="Mine")
    message = Message.objects.create(conversation=conversation, question="How long?", answer=f"{CANARY} [1]")
    of_alice = Citation.objects.get(pk=world.names["citation"])
    of_alice.pk, of_alice.message = None, message
    of_alice.save()
    addresses = (f"/conversations/{conversation.pk}/", f"/sources/{of_alice.pk}/")
    for address in addresses:
        assert client_for(bob).get(address).status_code == 200
    handbook.memberships.filter(user=bob).delete()
    for address in addresses:
        assert_no_canary(client_for(bob).get(address))
