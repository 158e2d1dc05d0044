"""Administrators see all sets of questions and evaluations in the panel, and change none there."""

import pytest
from django.urls import reverse

from tests.search.evaluating import done, keep, shelve
from tests.search.evaluating import engines as engines
from tests.search.library import make_index

pytestmark = pytest.mark.django_db


@pytest.fixture
def run(handbook, engines):
    keep(handbook, "Lunch?", shelve(make_index(handbook))["lunch"])
    return done(handbook)


@pytest.mark.parametrize("model", ["questionset", "evaluationrun"])
def test_the_panel_lists_them_with_their_figures_and_cannot_change_them(client, admin, run, model):
    client.force_login(admin)
    listed = client.get(reverse(f"admin:search_{model}_changelist")).content.decode()
    assert "Handbook" in listed
    assert ("1.000 (" in listed) == (model == "evaluationrun")
    shown = run.pk if model == "evaluationrun" else run.knowledge_base.question_sets.get().pk
    address = reverse(f"admin:search_{model}_change", args=[shown])
    assert b"/evaluation/" in client.get(address).content
    assert client.post(address, {"label": "other"}).status_code == 403


@pytest.mark.parametrize("model", ["questionset", "evaluationrun"])
def test_nobody_else_gets_there(client, alice, run, model):
    client.force_login(alice)
    assert client.get(reverse(f"admin:search_{model}_changelist")).status_code in (302, 403, 404)
