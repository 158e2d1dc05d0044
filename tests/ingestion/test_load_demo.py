"""The demonstration is made once, open to everyone, and managed by the first administrator."""

import pytest
from django.core.management import call_command

from ingestion.management.commands import load_demo
from kb.models import KnowledgeBase, Role

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch):
    monkeypatch.setattr(load_demo, "SECONDS", 0.0)


def test_the_demonstration_holds_the_documentation_once(capsys):
    call_command("load_demo")
    call_command("load_demo")
    base = KnowledgeBase.objects.get(name="Lectern documentation")
    assert base.open_to_everyone
    names = list(base.documents.values_list("name", flat=True))
    assert "README.md" in names
    assert "operation.md" in names
    assert len(names) == len(set(names))
    assert 'The knowledge base "Lectern documentation" has 0 documents to ask.' in capsys.readouterr().out


def test_the_first_administrator_manages_the_demonstration(admin):
    call_command("load_demo")
    base = KnowledgeBase.objects.get()
    assert base.created_by == admin
    assert base.memberships.get().role == Role.MANAGER
