"""Answer every error of the API in one form: {"error": {"code", "message"}}."""

import logging
from collections.abc import Callable
from functools import wraps

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed, JsonResponse
from django.utils.translation import gettext as _
from ninja import NinjaAPI, Schema
from ninja.errors import AuthenticationError, HttpError, ValidationError

logger = logging.getLogger(__name__)

CODES = {
    400: "bad_request",
    403: "forbidden",
    409: "conflict",
    413: "too_large",
    422: "invalid",
    429: "too_many",
    503: "unavailable",
}
OUR_NAMES = {"body", "filters"}  # the parameters in which several values come together


class Problem(Schema):
    """What went wrong: `code` for programs, `message` for people."""

    code: str
    message: str


class ErrorOut(Schema):
    """The body of every answer that is not a success."""

    error: Problem


class ApiError(Exception):
    """A request that cannot be answered, with the sentence that says why."""

    def __init__(self, status: int, message: str, code: str = "", **headers: str) -> None:
        super().__init__(message)
        self.status, self.message, self.code = status, message, code or CODES.get(status, "error")
        self.headers = headers


def problem(status: int, code: str, message: str, **headers: str) -> JsonResponse:
    """An error in the form that all errors of the API have."""
    return JsonResponse({"error": {"code": code, "message": message}}, status=status, headers=headers)


def missing(request: HttpRequest, *args, **kwargs) -> JsonResponse:
    """What is not there, and what is not this person's to see, look the same."""
    return problem(404, "not_found", _("There is nothing here, or it is not yours to see."))


def unauthenticated(request: HttpRequest, error: Exception) -> JsonResponse:
    message = _("Send a valid API key: “Authorization: Bearer lec_...” or “X-API-Key: lec_...”.")
    return problem(401, "unauthenticated", message, **{"WWW-Authenticate": "Bearer"})


def invalid(request: HttpRequest, error: ValidationError) -> JsonResponse:
    return problem(422, "invalid", " ".join(_sentence(each) for each in error.errors))


def refused(request: HttpRequest, error: ApiError) -> JsonResponse:
    return problem(error.status, error.code, error.message, **error.headers)


def other(request: HttpRequest, error: HttpError) -> JsonResponse:
    return problem(error.status_code, CODES.get(error.status_code, "error"), str(error))


def unforeseen(request: HttpRequest, error: Exception) -> JsonResponse:
    logger.error("%s %s failed", request.method, request.path, exc_info=error)
    return problem(500, "internal", _("Lectern could not do this because of an error of its own. It is in the log."))


def _sentence(error: dict) -> str:
    """`top_k: Input should be less than or equal to 50.` - without the names that only the code knows."""
    _source, *place = map(str, error.get("loc") or ("",))
    place = place[1:] if place and place[0] in OUR_NAMES else place
    text = str(error.get("msg", "")).removeprefix("Value error, ").rstrip(".")
    return f"{'.'.join(place)}: {text}." if place else f"{text}."


def with_method_answers(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """The view, with the same form for a method that its address does not take."""

    @wraps(view)
    def answered(request: HttpRequest, *args, **kwargs) -> HttpResponse:
        response = view(request, *args, **kwargs)
        if not isinstance(response, HttpResponseNotAllowed):
            return response
        methods = ", ".join(sorted(response["Allow"].split(", ")))
        said = _("This address takes %(methods)s only.") % {"methods": methods}
        return problem(405, "method_not_allowed", said, Allow=methods)

    return answered


ANSWERS: dict[type[Exception], Callable[..., JsonResponse]] = {
    Exception: unforeseen,
    ApiError: refused,
    Http404: missing,
    HttpError: other,
    AuthenticationError: unauthenticated,
    ValidationError: invalid,
}


def add_error_answers(api: NinjaAPI) -> None:
    """Teach an API this form."""
    for kind, answer in ANSWERS.items():
        api.add_exception_handler(kind, answer)
