"""Pages of one's own, public ones, and those of administrators."""

import re

import pytest

from tests.access import table
from tests.access.table import ADMINISTRATOR, Use
from tests.access.world import (
    METHODS,
    World,
    assert_no_canary,
    client_for,
    is_open,
    routes,
    send,
)


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
