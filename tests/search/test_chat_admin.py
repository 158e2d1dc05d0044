"""Language models in the panel: the key goes in and never out, servers are asked, one model is the default."""

import pytest
from django.db.models import QuerySet
from django.urls import reverse

from kb.models import User
from search.chat.models import chosen_for, offered
from search.models import ChatModel, Conversation
from tests.search.model_server import Habits, ModelServer

pytestmark = pytest.mark.django_db
KEY = "sk-very-secret"
ADD = "admin:search_chatmodel_add"


@pytest.fixture(autouse=True)
def panel(client, admin, settings):
    settings.KB_CHAT_URL = settings.KB_CHAT_MODEL = ""
    client.force_login(admin)
    return client


@pytest.fixture
def server():
    with ModelServer(Habits(models=("plain-model", "large"))) as running:
        yield running


def typed(**changed) -> dict:
    fields = {
        "name": "Ours", "url": "http://127.0.0.1:9/v1", "key": "", "model": "small", "context_tokens": 8192,
        "answer_tokens": 1024, "temperature": "0.2", "instructions": "", "enabled": "on", "price_in": "",
        "price_out": "",
    }  # fmt: skip
    return {name: value for name, value in {**fields, **changed}.items() if value is not None}


def saved(client, row=None, **changed):
    url = reverse("admin:search_chatmodel_change", args=[row.pk]) if row else reverse(ADD)
    return client.post(url, typed(**changed))


def errors(response) -> str:
    assert response.status_code == 200, "it was saved"
    return " ".join(str(error) for error in response.context["adminform"].form.errors.values())


def made(**more) -> ChatModel:
    model = ChatModel(**{"name": "Ours", "url": "http://127.0.0.1:9/v1", "model": "plain-model", **more})
    model.api_key = KEY
    model.save()
    return model


def test_a_key_is_kept_sealed_and_shown_to_nobody_again(panel):
    assert saved(panel, key=KEY).status_code == 302
    model = ChatModel.objects.get()
    assert model.api_key == KEY
    assert KEY not in model.sealed_key
    page = panel.get(reverse("admin:search_chatmodel_change", args=[model.pk])).content.decode()
    assert KEY not in page
    assert model.sealed_key not in page
    assert "A key is kept" in page


def test_a_key_stays_until_it_is_replaced_or_forgotten(panel):
    model = made()
    for changed, kept in (({}, KEY), ({"key": "other"}, "other"), ({"forget_key": "on"}, "")):
        assert saved(panel, model, **changed).status_code == 302
        model.refresh_from_db()
        assert model.api_key == kept


def test_a_key_is_not_sent_to_another_address(panel, server):
    model = made()
    assert "The address is another" in errors(saved(panel, model, url=server.url))
    asked = {"chat_model": model.pk, "url": server.url}
    server.habits.key = KEY
    assert "refuses its key" in panel.post(reverse("admin:search_chatmodel_served"), asked).content.decode()
    assert saved(panel, model, url=server.url, key=KEY).status_code == 302
    assert "plain-model" in panel.post(reverse("admin:search_chatmodel_served"), asked).content.decode()


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"url": "ollama:11434"}, "begins with http"),
        ({"answer_tokens": 5000}, "At most half"),
        ({"name": "KB_CHAT_URL"}, "environment"),
        ({"temperature": "3"}, "less than or equal to 2"),
    ],
)
def test_what_cannot_be_is_said(panel, changed, sentence):
    assert sentence in errors(saved(panel, **changed))
    assert not ChatModel.objects.exists()


def test_an_address_that_was_copied_with_its_path_is_cut(panel):
    saved(panel, url="http://ollama:11434/v1/chat/completions/")
    assert ChatModel.objects.get().url == "http://ollama:11434/v1"


def test_the_newest_default_is_the_default(panel):
    old = made(is_default=True)
    assert saved(panel, name="New", is_default="on").status_code == 302
    old.refresh_from_db()
    assert (old.is_default, ChatModel.objects.get(name="New").is_default) == (False, True)


def test_the_environments_model_is_read_only_where_the_environment_sets_it(panel, settings):
    settings.KB_CHAT_URL, settings.KB_CHAT_MODEL = "http://127.0.0.1:9/v1", "outside"
    assert "outside" in panel.get(reverse("admin:search_chatmodel_changelist")).content.decode()
    model = ChatModel.objects.get()
    saved(panel, model, name="Mine", url="http://other/v1", model="x", context_tokens=4096)
    model.refresh_from_db()
    assert (model.name, model.model, model.url) == ("KB_CHAT_URL", "outside", "http://127.0.0.1:9/v1")
    assert model.context_tokens == 4096
    assert panel.post(reverse("admin:search_chatmodel_delete", args=[model.pk]), {"post": "yes"}).status_code == 403


def test_a_process_whose_environment_names_no_model_offers_none_and_deletes_nothing(panel, settings):
    settings.KB_CHAT_URL, settings.KB_CHAT_MODEL = "http://127.0.0.1:9/v1", "outside"
    (model,) = offered()
    conversation = Conversation.objects.create(user=User.objects.get(), chat_model=model)
    settings.KB_CHAT_URL = settings.KB_CHAT_MODEL = ""
    assert not offered().exists() and chosen_for(conversation) is None
    conversation.refresh_from_db()
    assert conversation.chat_model == model
    assert "not offered" in panel.get(reverse("admin:search_chatmodel_changelist")).content.decode()
    assert panel.post(reverse("admin:search_chatmodel_delete", args=[model.pk]), {"post": "yes"}).status_code == 302
    assert not ChatModel.objects.exists()


@pytest.mark.parametrize("name", ["KB_CHAT_URL", "Another default"])
def test_processes_that_write_down_the_environments_model_at_once_write_it_once(settings, monkeypatch, db, name):
    settings.KB_CHAT_URL, settings.KB_CHAT_MODEL = "http://127.0.0.1:9/v1", "outside"
    get = QuerySet.get

    def late(models, **wanted):
        """Another process writes down its row right after this one has looked."""
        monkeypatch.setattr(QuerySet, "get", get)
        made(name=name, is_default=True)
        raise ChatModel.DoesNotExist

    monkeypatch.setattr(QuerySet, "get", late)
    offered()
    model = ChatModel.objects.get(name="KB_CHAT_URL")
    assert (model.url, model.model) == ("http://127.0.0.1:9/v1", "outside")
    assert ChatModel.objects.get(is_default=True).name == name


def test_a_server_says_which_models_it_has(panel, server):
    response = panel.post(
        reverse("admin:search_chatmodel_served"), {"url": f"{server.url}/"}, headers={"HX-Request": "true"}
    )
    assert '<option value="large">' in response.content.decode()


@pytest.mark.parametrize("url", ["", "nowhere", "http://127.0.0.1:9/v1"])
def test_where_no_server_is_a_sentence_says_so(panel, url):
    shown = panel.post(reverse("admin:search_chatmodel_served"), {"url": url}).content.decode()
    assert 'role="alert"' in shown


def test_a_model_is_tested_with_a_few_words(panel, server):
    model = made(url=server.url)
    shown = panel.post(reverse("admin:search_chatmodel_try", args=[model.pk])).content.decode()
    assert "The kettle is descaled monthly [1]." in shown
    assert "First token after" in shown
    (asked,) = server.asked
    assert asked.body["max_tokens"] <= 64


@pytest.mark.parametrize(
    ("habits", "sentence"),
    [
        (Habits(fault="garbage"), "cannot be understood"),
        (Habits(fault="cut"), "broke off"),
        (Habits(key="another"), "refuses its key"),
        (Habits(pieces=()), "wrote nothing"),
    ],
)
def test_a_model_that_fails_is_answered_with_a_sentence(panel, habits, sentence):
    with ModelServer(habits) as server:
        shown = panel.post(reverse("admin:search_chatmodel_try", args=[made(url=server.url).pk])).content.decode()
    assert sentence in shown


def test_a_model_that_takes_too_long_is_not_waited_for(panel, monkeypatch):
    monkeypatch.setattr("search.chat.trial.TRIAL_SECONDS", 0.5)
    with ModelServer(Habits(fault="hangs")) as server:
        shown = panel.post(reverse("admin:search_chatmodel_try", args=[made(url=server.url).pk])).content.decode()
    assert "did not answer in time" in shown
