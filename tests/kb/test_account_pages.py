"""A person's own pages: signing in, account, password, keys, language, appearance."""

import pytest
from django.urls import reverse

from kb.models import ApiKey, digest_of

PASSWORD = "correct horse battery"
KEY = {"name": "script", "scopes": ApiKey.Scope.values, "days": 0, "calls_a_minute": 0}


def test_alice_signs_in_and_out(client, alice):
    page = client.post(reverse("login"), {"username": "alice", "password": PASSWORD})
    assert page.url == reverse("home")
    assert client.post(reverse("logout")).url == reverse("login")
    assert client.get(reverse("account")).status_code == 302


def test_signing_out_takes_a_post(client, alice):
    client.force_login(alice)
    assert client.get(reverse("logout")).status_code == 405


def test_a_wrong_name_and_a_wrong_password_read_the_same(client, alice):
    name = client.post(reverse("login"), {"username": "nobody", "password": PASSWORD}).context["form"]
    password = client.post(reverse("login"), {"username": "alice", "password": "wrong"}).context["form"]
    assert name.non_field_errors() == password.non_field_errors()


def test_who_signs_in_is_not_led_to_another_site(client, alice):
    data = {"username": "alice", "password": PASSWORD, "next": "https://example.org/"}
    assert client.post(reverse("login"), data).url == reverse("home")


def test_alice_changes_her_account_and_nothing_else(client, alice):
    client.force_login(alice)
    data = {"first_name": "Alice", "last_name": "A", "email": "a@example.org", "language": "zh-hans", "theme": "dark"}
    assert client.post(reverse("account"), data | {"is_superuser": "on", "username": "root"}).status_code == 302
    alice.refresh_from_db()
    assert (alice.first_name, alice.language, alice.theme) == ("Alice", "zh-hans", "dark")
    assert (alice.is_superuser, alice.username) == (False, "alice")
    page = client.get(reverse("account"))
    assert 'data-theme="dark"' in page.text
    assert 'lang="zh-hans"' in page.text


@pytest.mark.parametrize("wrong", [{"email": "no"}, {"language": "xx"}, {"theme": "pink"}])
def test_a_wrong_account_is_not_saved(client, alice, wrong):
    client.force_login(alice)
    data = {"first_name": "Changed", "theme": "light"} | wrong
    assert client.post(reverse("account"), data).status_code == 422
    alice.refresh_from_db()
    assert alice.first_name == ""


def test_alice_changes_her_password_and_stays_signed_in(client, alice):
    client.force_login(alice)
    new = "a much better one"
    wrong = {"old_password": "guess", "new_password1": new, "new_password2": new}
    assert client.post(reverse("password"), wrong).status_code == 200
    assert client.post(reverse("password"), wrong | {"old_password": PASSWORD}).url == reverse("account")
    assert client.get(reverse("account")).status_code == 200
    alice.refresh_from_db()
    assert alice.check_password(new)


def test_a_short_password_is_refused(client, alice):
    client.force_login(alice)
    data = {"old_password": PASSWORD, "new_password1": "short", "new_password2": "short"}
    assert "10" in client.post(reverse("password"), data).text


def test_the_secret_of_a_key_is_shown_once(client, alice):
    client.force_login(alice)
    page = client.post(reverse("api_key_create"), KEY | {"name": "script"})
    secret = page.context["secret"]
    assert page.status_code == 201
    assert secret in page.text
    assert ApiKey.objects.get().digest == digest_of(secret)
    assert secret not in client.get(reverse("account")).text
    assert "no-store" in page["Cache-Control"]


def test_a_key_needs_a_name(client, alice):
    client.force_login(alice)
    assert client.post(reverse("api_key_create"), KEY | {"name": ""}).status_code == 422
    assert not ApiKey.objects.exists()


def test_alice_revokes_her_key_and_charlie_cannot(client, alice, charlie):
    key, _secret = ApiKey.issue(alice, "script")
    client.force_login(charlie)
    assert client.post(reverse("api_key_revoke", args=[key.pk])).status_code == 404
    client.force_login(alice)
    client.post(reverse("api_key_revoke", args=[key.pk]))
    key.refresh_from_db()
    assert key.revoked_at is not None
    assert client.post(reverse("api_key_revoke", args=[key.pk])).status_code == 404


def test_the_language_of_a_stranger_is_kept_in_a_cookie(client, alice):
    answer = client.post(reverse("language"), {"language": "zh-hans", "next": "/login"})
    assert answer.url == "/login"
    assert client.cookies["lectern_language"].value == "zh-hans"
    assert 'lang="zh-hans"' in client.get(reverse("login")).text


def test_the_language_of_alice_is_kept_in_her_account(client, alice):
    client.force_login(alice)
    client.post(reverse("language"), {"language": "zh-hans"})
    alice.refresh_from_db()
    assert alice.language == "zh-hans"
    client.post(reverse("language"), {"language": "tlh"})
    alice.refresh_from_db()
    assert alice.language == "zh-hans"


def test_the_appearance_is_kept_and_leads_back(client, alice):
    client.force_login(alice)
    assert client.post(reverse("theme"), {"theme": "dark", "next": "/knowledge-bases/"}).url == "/knowledge-bases/"
    assert client.post(reverse("theme"), {"theme": "pink", "next": "//example.org"}).url == reverse("account")
    alice.refresh_from_db()
    assert alice.theme == "dark"
