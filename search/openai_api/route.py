"""What every route does before and after its own work: key, method, body, errors."""

import logging
from collections.abc import Callable
from functools import wraps
from typing import Any

from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, HttpResponseBase, JsonResponse
from django.http.request import UnreadablePostError
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt
from pydantic import BaseModel, ConfigDict, ValidationError

from kb.api_errors import ApiError
from kb.api_keys import sign_in
from search.openai_api.errors import OpenAIError, internal, invalid, of_key, unauthenticated

log = logging.getLogger(__name__)

MOST_BYTES = 8 * 1024 * 1024
View = Callable[..., HttpResponseBase]


class Body(BaseModel):
    """A body; fields that nobody knows are passed over, as clients send those of OpenAI's own models."""

    model_config = ConfigDict(extra="ignore", protected_namespaces=())


def route(method: str, *scopes: str, body: type[Body] | None = None) -> Callable[[Callable[..., Any]], View]:
    """A view for one method, entered by a key with one of these scopes (none: any key).

    It gets the request, what the address names, and the body where there is one; it returns what is sent as JSON, or a
    response. An OpenAIError is answered in OpenAI's form, and so is what nobody foresaw.
    """

    def decorate(view: Callable[..., Any]) -> View:
        @csrf_exempt
        @wraps(view)
        def answered(request: HttpRequest, **named: Any) -> HttpResponseBase:
            try:
                _must_be(method, request)
                _enter(request, scopes)
                said = view(request, **named, **({"body": _read(request, body)} if body else {}))
                return said if isinstance(said, HttpResponseBase) else JsonResponse(said)
            except OpenAIError as error:
                return error.response()
            except Exception:
                log.exception("%s %s failed", request.method, request.path)
                return internal().response()

        return answered

    return decorate


def _must_be(method: str, request: HttpRequest) -> None:
    if request.method != method and not (method == "GET" and request.method == "HEAD"):
        said = _("This address takes %(methods)s only.") % {"methods": method}
        raise OpenAIError(405, said, code="method_not_allowed", Allow=method)


def _enter(request: HttpRequest, scopes: tuple[str, ...]) -> None:
    kind, _space, secret = request.headers.get("Authorization", "").partition(" ")
    secret = secret if kind.lower() == "bearer" else request.headers.get("X-API-Key", "")
    try:
        if sign_in(request, secret.strip(), *scopes) is None:
            raise unauthenticated()
    except ApiError as error:
        raise of_key(error) from error


def _read(request: HttpRequest, body: type[Body]) -> Body:
    try:
        if int(request.META.get("CONTENT_LENGTH") or 0) > MOST_BYTES:
            raise RequestDataTooBig
        return body.model_validate_json(request.body)
    except RequestDataTooBig:
        said = _("A request may have %(n)d MB at the most.") % {"n": MOST_BYTES // 2**20}
        raise OpenAIError(413, said, code="request_too_large") from None
    except (UnreadablePostError, ValueError) as error:
        if isinstance(error, ValidationError):
            raise invalid(error) from error
        raise OpenAIError(400, _("The request broke off."), code="invalid_value") from error


@csrf_exempt
def missing(request: HttpRequest, rest: str = "") -> JsonResponse:
    """Any other address under /v1/."""
    said = _("There is nothing here. What there is: /v1/models, /v1/embeddings, /v1/chat/completions, /v1/rerank.")
    return OpenAIError(404, said, code="unknown_url").response()
