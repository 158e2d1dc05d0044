"""The cast: Alice owns, Bob is on her team, Charlie is a stranger."""

import os

import hypothesis
import pytest

from kb.models import KnowledgeBase, Membership, Role, User
from tests.closing import close_connections

hypothesis.settings.register_profile("untimed", deadline=None)  # a busy machine is no fault of the code
hypothesis.settings.load_profile("ci" if "CI" in os.environ else "untimed")


@pytest.fixture(autouse=True)
def _no_connection_is_left():
    """Also none of a thread that went on for a while after whoever asked was gone."""
    yield
    close_connections()


@pytest.fixture
def alice(db):
    return User.objects.create_user("alice", password="correct horse battery")


@pytest.fixture
def bob(db):
    return User.objects.create_user("bob", password="correct horse battery")


@pytest.fixture
def charlie(db):
    return User.objects.create_user("charlie", password="correct horse battery")


@pytest.fixture
def admin(db):
    return User.objects.create_superuser("root", password="correct horse battery")


@pytest.fixture
def handbook(alice, bob):
    """Alice's knowledge base, in which Bob may read."""
    knowledge_base = KnowledgeBase.objects.create(name="Handbook", created_by=alice)
    Membership.objects.create(knowledge_base=knowledge_base, user=alice, role=Role.MANAGER)
    Membership.objects.create(knowledge_base=knowledge_base, user=bob, role=Role.VIEWER)
    return knowledge_base
