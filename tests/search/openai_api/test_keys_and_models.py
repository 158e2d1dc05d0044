"""Keys and models, by the official client: who may come in, how often, and what there is to name."""

import openai
import pytest
from django.utils import timezone

from kb import calls_a_minute
from kb.models import ApiKey, KnowledgeBase
from search.models import RerankPreset
from tests.kb.test_api_keys import counted, redis_here  # noqa: F401 - a Redis to count in
from tests.search.openai_api.test_chat import ASKED


def call(client, what):
    """Something for which the scope is needed."""
    if what == "ask":
        return client.chat.completions.create(model="lectern", messages=ASKED)
    return client.embeddings.create(model="words", input="kettle")


def refused(client, what):
    with pytest.raises(openai.APIStatusError) as caught:
        call(client, what)
    return caught.value


def test_a_wrong_key_is_an_authentication_error(live_server, transactional_db, alice):
    with (
        openai.OpenAI(base_url=f"{live_server.url}/v1", api_key="lec_wrong", max_retries=0) as client,
        pytest.raises(openai.AuthenticationError) as caught,
    ):
        client.models.list()
    assert (caught.value.code, caught.value.type) == ("invalid_api_key", "authentication_error")


def test_an_expired_key_says_so(client):
    ApiKey.objects.update(expires_at=timezone.now())
    with pytest.raises(openai.AuthenticationError, match="expired on"):
        client.models.list()


@pytest.mark.parametrize(("given", "wanted"), [("ask", "models"), ("models", "ask"), ("read", "ask")])
def test_a_key_without_the_scope_is_refused(client_of, alice, rules, given, wanted):
    error = refused(client_of(alice, scopes=[given]), wanted)
    assert isinstance(error, openai.PermissionDeniedError)
    assert (error.code, error.param) == ("insufficient_permissions", None)
    assert f"“{wanted}”" in error.message
    assert call(client_of(alice, scopes=[wanted]), wanted)


def test_a_key_that_calls_too_often_is_told_when_to_come_again(client_of, alice, rules, counted):  # noqa: F811
    hasty = client_of(alice, calls_a_minute=2)
    assert call(hasty, "models") and call(hasty, "ask")
    error = refused(hasty, "models")
    assert isinstance(error, openai.RateLimitError)
    assert (error.code, error.type) == ("rate_limit_exceeded", "rate_limit_error")
    assert 1 <= int(error.response.headers["retry-after"]) <= calls_a_minute.WINDOW


def test_the_list_names_what_the_key_may_use(client_of, alice, rules, handbook):
    RerankPreset.objects.create(name="tiny", model="tiny")
    names = {one.id: one.kind for one in client_of(alice).models.list()}
    assert names == {
        "lectern": "chat", "Handbook": "chat", "default": "embedding", "words": "embedding", "tiny": "rerank",
    }  # fmt: skip
    assert [one.id for one in client_of(alice, scopes=["ask"]).models.list()] == ["lectern", "Handbook"]
    assert [one.kind for one in client_of(alice, scopes=["models"]).models.list()] == ["embedding"] * 2 + ["rerank"]


def test_charlie_is_told_of_no_knowledge_base_of_alices(client_of, charlie, rules, handbook):
    theirs = client_of(charlie)
    assert "Handbook" not in [one.id for one in theirs.models.list()]
    with pytest.raises(openai.NotFoundError):
        theirs.models.retrieve("Handbook")


def test_every_name_on_the_list_can_be_asked_for(client, rules, handbook, alice):
    KnowledgeBase.objects.create(name="Handbook", created_by=alice, open_to_everyone=True)
    KnowledgeBase.objects.create(name="a/b, c", created_by=alice, open_to_everyone=True)
    names = [one.id for one in client.models.list()]
    assert len(names) == len(set(names)) == 6
    for name in names:
        assert client.models.retrieve(name).id == name
    for name in (one.id for one in client.models.list() if one.kind == "chat"):
        if name != "Handbook":  # which two are called
            assert client.chat.completions.create(model=name, messages=ASKED).model == name
