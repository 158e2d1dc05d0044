"""Every address of a thing of Alice's against everyone: generated from the URL configuration and the table."""

import re

import pytest
from django.utils import timezone

from kb.models import Document, Membership
from tests.access import table
from tests.access.table import EDITOR, MANAGER, OWNER, VIEWER
from tests.access.world import (
    BOTH,
    HTMX,
    METHODS,
    World,
    assert_no_canary,
    client_for,
    is_open,
    routes,
    send,
)

ROLES = [VIEWER, EDITOR, MANAGER]


@pytest.mark.parametrize("route", sorted(routes()))
def test_somebody_decided_who_may_use_it(route):
    kinds = [kind for kind in table.KINDS if kind(route)]
    assert len(kinds) == 1, f"Put the route {route!r} into exactly one place of tests/access/table.py."


def test_the_table_names_no_route_that_is_gone():
    named = {*table.PUBLIC, *table.BY_TOKEN, *table.SIGNED_IN, *table.ADMINISTRATORS, *table.WITH_KEY}
    assert named | set(table.OBJECTS) | set(table.API_OBJECTS) <= routes()


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
        # 400, 422: the API reads a body before it looks for what it is about
        assert response.status_code in ((400, 404, 405, 422) if route.startswith("api/") else (404, 405)), method
        assert_no_canary(response)
    assert Document.objects.filter(pk=world.names["document"], deleted_at=None).exists()


@pytest.mark.parametrize(("route", "use"), BOTH)
def test_charlies_404_is_that_of_what_is_not_there(world, charlie, route, use):
    """Nobody can tell a thing of somebody else's from one that does not exist."""
    theirs = send(client_for(charlie, route), world, route, use)
    nowhere = "00000000-0000-4000-8000-000000000000"
    ids = ("base", "document", "conversation", "run")
    numbers = ("citation", "key", "member", "message", "question_set", "question")
    gone = World({**world.names, **dict.fromkeys(ids, nowhere), **dict.fromkeys(numbers, 987654)})
    missing = send(client_for(charlie, route), gone, route, use)
    assert missing.status_code == theirs.status_code
    assert _without_secrets(missing, gone) == _without_secrets(theirs, world)


def _without_secrets(response, world: World) -> str:
    """A page's text without what differs from request to request: the ids in it, nonces, tokens."""
    text = response.content.decode()
    for name in ("base", "document", "conversation", "run", "citation", "key", "member", "message"):
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
