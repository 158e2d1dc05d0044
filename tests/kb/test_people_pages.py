"""How people come in: the first administrator and invitations."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from kb.invitations import invite
from kb.middleware import FirstVisitMiddleware
from kb.models import Invitation, KnowledgeBase, Role, User

NEW = {"username": "dora", "email": "d@example.org", "password1": "a quiet afternoon", "password2": "a quiet afternoon"}


@pytest.fixture
def fresh(db, monkeypatch):
    monkeypatch.setattr(FirstVisitMiddleware, "_done", False)


@pytest.fixture
def invitation(admin, handbook):
    """An invitation into Alice's handbook, and its address."""
    made, token = invite(admin, email="d@example.org", knowledge_base=handbook, role=Role.EDITOR)
    return made, reverse("invitation", args=[token])


def test_the_first_visit_makes_the_first_administrator(client, fresh):
    assert client.get("/").url == reverse("setup")
    assert client.get(reverse("setup")).status_code == 200
    assert client.post(reverse("setup"), NEW).url == reverse("knowledge_base_create")
    user = User.objects.get()
    assert user.is_superuser
    assert user.is_staff
    assert client.get(reverse("knowledge_base_create")).status_code == 200


def test_who_finds_a_knowledge_base_after_the_setup_may_ask_it(client, fresh):
    KnowledgeBase.objects.create(name="Demo", open_to_everyone=True)
    assert client.post(reverse("setup"), NEW).url == reverse("home")


def test_there_is_no_second_setup(client, alice):
    assert client.get(reverse("setup")).url == reverse("home")
    client.post(reverse("setup"), NEW)
    assert not User.objects.filter(username="dora").exists()


@pytest.mark.parametrize(
    "wrong", [{"username": ""}, {"password2": "another one!"}, {"password1": "password", "password2": "password"}]
)
def test_a_wrong_setup_makes_nobody(client, fresh, wrong):
    assert client.post(reverse("setup"), NEW | wrong).status_code == 422
    assert not User.objects.exists()


def test_only_administrators_see_people(client, alice, admin, invitation):
    client.force_login(alice)
    revoke = reverse("invitation_revoke", args=[invitation[0].pk])
    assert client.get(reverse("invitations")).status_code == 404
    assert client.post(reverse("invitations"), {"role": "viewer"}).status_code == 404
    assert client.post(revoke).status_code == 404
    client.force_login(admin)
    assert "alice" in client.get(reverse("invitations")).text
    assert client.post(revoke).status_code == 302
    assert not Invitation.objects.exists()


def test_the_link_of_an_invitation_is_shown_once_and_works(client, admin, handbook):
    client.force_login(admin)
    page = client.post(reverse("invitations"), {"role": "viewer", "knowledge_base": handbook.pk})
    link = page.context["link"]
    assert page.status_code == 201
    assert link in page.text
    assert link not in client.get(reverse("invitations")).text
    client.logout()
    assert "Handbook" in client.get(link).text


def test_a_wrong_invitation_is_not_made(client, admin, handbook):
    client.force_login(admin)
    handbook.deleted_at = timezone.now()
    handbook.save()
    for wrong in ({"role": "king"}, {"email": "no"}, {"knowledge_base": handbook.pk}):
        assert client.post(reverse("invitations"), {"role": "viewer"} | wrong).status_code == 422
    assert not Invitation.objects.exists()


def test_who_is_invited_becomes_a_member_and_no_more(client, invitation, handbook):
    made, address = invitation
    assert client.post(address, NEW | {"is_superuser": "on", "role": "manager"}).url == handbook.get_absolute_url()
    dora = User.objects.get(username="dora")
    assert (dora.is_superuser, dora.is_staff) == (False, False)
    assert dora.memberships.get().role == Role.EDITOR
    made.refresh_from_db()
    assert made.accepted_by == dora
    assert client.get(reverse("account")).status_code == 200


def test_an_invitation_works_once(client, invitation):
    client.post(invitation[1], NEW)
    client.logout()
    assert client.get(invitation[1]).status_code == 410
    assert "has been used" in client.post(invitation[1], NEW | {"username": "eve"}).text
    assert not User.objects.filter(username="eve").exists()


def test_an_invitation_expires(client, invitation):
    Invitation.objects.update(expires_at=timezone.now() - timedelta(minutes=1))
    answer = client.post(invitation[1], NEW)
    assert answer.status_code == 410
    assert "has expired" in answer.text
    assert not User.objects.filter(username="dora").exists()


def test_an_unknown_invitation_is_not_there(client, admin):
    assert client.get(reverse("invitation", args=["guess"])).status_code == 404


def test_an_invitation_outlives_its_knowledge_base(client, invitation, handbook):
    handbook.deleted_at = timezone.now()
    handbook.save()
    assert "Handbook" not in client.get(invitation[1]).text
    assert client.post(invitation[1], NEW).url == reverse("home")
    assert not User.objects.get(username="dora").memberships.exists()


def test_who_is_signed_in_is_told_to_sign_out_first(client, invitation, charlie):
    client.force_login(charlie)
    assert "signed in already" in client.post(invitation[1], NEW).text
    assert client.post(reverse("logout"), {"next": invitation[1]}).url == invitation[1]
    assert not User.objects.filter(username="dora").exists()


def test_a_taken_name_is_said(client, invitation, alice):
    answer = client.post(invitation[1], NEW | {"username": "alice"})
    assert answer.status_code == 422
    assert "already exists" in answer.text
