"""Put version 1 of the API together."""

from django.urls import path
from django.views.generic import RedirectView
from ninja import NinjaAPI
from ninja.openapi.docs import Swagger

from ingestion.api import router as documents
from kb.api import router as knowledge_bases
from kb.api_errors import add_error_answers, missing, with_method_answers
from kb.api_keys import keys
from kb.models import ApiKey
from search.api import router as questions
from search.evaluation.api import router as evaluation
from search.organising.api import router as organising
from search.settings.api import router as search_settings


class Docs(Swagger):
    """Swagger in our frame: from our own server, and without the validator that would be asked elsewhere."""

    template = "kb/api_docs.html"


api = NinjaAPI(
    title="Lectern",
    version="1",
    urls_namespace="api",
    description="Upload documents, find passages, and get answers with their sources.",
    auth=keys(ApiKey.Scope.MANAGE),
    docs=Docs({"validatorUrl": None, "persistAuthorization": False, "defaultModelsExpandDepth": 0}),
)
add_error_answers(api)
READ, WRITE, MANAGE = ApiKey.Scope.READ, ApiKey.Scope.WRITE, ApiKey.Scope.MANAGE
for router, scopes in (
    (knowledge_bases, keys(MANAGE, to_read=READ)),
    (documents, keys(WRITE, to_read=READ)),
    (questions, keys(READ)),
    (search_settings, keys(MANAGE)),
    (evaluation, keys(MANAGE)),
    (organising, keys(WRITE, to_read=READ)),
):
    api.add_router("", router, auth=scopes)

addresses, *named = api.urls
for address in addresses:
    address.callback = address.callback and with_method_answers(address.callback)

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="api:openapi-view"), name="api-home"),
    path("", (addresses, named[0], named[1])),
    path("<path:rest>", missing, name="api-missing"),
]
