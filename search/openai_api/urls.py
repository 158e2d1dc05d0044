"""The addresses that OpenAI's clients know, under /v1/."""

from django.urls import path

from search.openai_api.chat import chat_completions
from search.openai_api.embeddings import embeddings
from search.openai_api.models import model, models
from search.openai_api.rerank import rerank
from search.openai_api.route import missing

urlpatterns = [
    path("models", models, name="openai_models"),
    path("models/<path:name>", model, name="openai_model"),
    path("embeddings", embeddings, name="openai_embeddings"),
    path("chat/completions", chat_completions, name="openai_chat"),
    path("rerank", rerank, name="openai_rerank"),
    path("<path:rest>", missing, name="openai_missing"),
]
