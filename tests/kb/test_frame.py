"""What every page has around its content, and what it may never have."""

import re

import pytest
from django.conf import settings
from django.template.loader import render_to_string
from django.urls import reverse

TEMPLATES = sorted((settings.BASE_DIR / "templates").rglob("*.html"))


def name_of(path):
    return str(path.relative_to(settings.BASE_DIR / "templates"))


@pytest.mark.parametrize("path", TEMPLATES, ids=name_of)
def test_no_template_has_inline_styles_scripts_or_foreign_addresses(path):
    """The content security policy would refuse them; so no reader ever needs a looser one."""
    text = path.read_text(encoding="utf-8")
    assert not re.search(r"\sstyle\s*=|<style|\son[a-z]+\s*=\s*[\"']|javascript:", text)
    assert not re.search(r"<script(?![^>]*\b(src=|type=\"application/json\"))", text)
    assert not re.search(r"(src|href)=\"https?:", text)


def test_every_page_can_be_worked_with_the_keyboard(client, alice):
    client.force_login(alice)
    page = client.get(reverse("account")).text
    assert 'class="skip-link" href="#main"' in page
    assert '<main id="main"' in page
    assert 'lang="en"' in page


def test_the_sidebar_shows_only_what_the_person_may_read(client, handbook, bob, charlie):
    client.force_login(bob)
    assert handbook.get_absolute_url() in client.get(reverse("account")).text
    client.force_login(charlie)
    assert handbook.get_absolute_url() not in client.get(reverse("account")).text


def test_administration_is_only_offered_to_administrators(client, bob, admin):
    client.force_login(bob)
    assert reverse("invitations") not in client.get(reverse("account")).text
    client.force_login(admin)
    assert reverse("invitations") in client.get(reverse("account")).text


def test_pages_run_no_script_but_our_own(client, alice):
    client.force_login(alice)
    answer = client.get(reverse("account"))
    policy = answer.headers["Content-Security-Policy"]
    assert "script-src 'self'" in policy
    assert "unsafe" not in policy
    assert '"allowEval": false' in answer.text


def test_what_is_not_there_is_said_in_the_house_style(client, alice):
    client.force_login(alice)
    answer = client.get("/nothing")
    assert answer.status_code == 404
    assert "shared with you" in answer.text


@pytest.mark.parametrize("name", ["400.html", "403.html", "403_csrf.html", "404.html", "500.html"])
def test_error_pages_need_no_request(name):
    assert "Back to Lectern" in render_to_string(name)
