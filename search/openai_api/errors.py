"""Errors as OpenAI's clients read them: {"error": {"message", "type", "param", "code"}}."""

from django.http import JsonResponse
from django.utils.translation import gettext as _
from pydantic import ValidationError

from kb.api_errors import ApiError

INVALID, SERVER = "invalid_request_error", "server_error"
OF_KEYS = {
    401: ("authentication_error", "invalid_api_key"),
    403: ("permission_error", "insufficient_permissions"),
    429: ("rate_limit_error", "rate_limit_exceeded"),
}
RETRY_SECONDS = "5"


class OpenAIError(Exception):
    """A request that cannot be answered: the sentence that says why, the field it is about, a word for programs."""

    def __init__(
        self, status: int, message: str, *, param: str | None = None, code: str | None = None, kind: str = INVALID,
        **headers: str,
    ) -> None:  # fmt: skip
        super().__init__(message)
        self.status, self.message, self.param, self.code, self.kind = status, message, param, code, kind
        self.headers = headers

    def body(self) -> dict:
        """What is sent."""
        return {"error": {"message": self.message, "type": self.kind, "param": self.param, "code": self.code}}

    def response(self) -> JsonResponse:
        """The answer with its status."""
        return JsonResponse(self.body(), status=self.status, headers=self.headers)


def no_model(name: str) -> OpenAIError:
    """What is not there, and what is not this key's to use, look the same."""
    said = _("The model “%(name)s” does not exist, or it is not yours to use.") % {"name": name[:200]}
    return OpenAIError(404, said, param="model", code="model_not_found")


def unauthenticated() -> OpenAIError:
    said = _("Send a valid API key: “Authorization: Bearer lec_...”.")
    kind, code = OF_KEYS[401]
    return OpenAIError(401, said, code=code, kind=kind, **{"WWW-Authenticate": "Bearer"})


def of_key(error: ApiError) -> OpenAIError:
    """What is wrong with a key, in this form."""
    kind, code = OF_KEYS.get(error.status, (INVALID, error.code))
    return OpenAIError(error.status, error.message, code=code, kind=kind, **error.headers)


def invalid(error: ValidationError) -> OpenAIError:
    """The first thing that is wrong with a body, and where."""
    first = error.errors()[0]
    place = ".".join(map(str, first["loc"]))
    text = str(first["msg"]).removeprefix("Value error, ").rstrip(".")
    return OpenAIError(400, f"{place}: {text}." if place else f"{text}.", param=place or None, code="invalid_value")


def away(message: str) -> OpenAIError:
    """A model does not answer just now."""
    return OpenAIError(503, message, code="model_unavailable", kind=SERVER, **{"Retry-After": RETRY_SECONDS})


def hung_up() -> OpenAIError:
    """For the log: nobody is there to read it. The status is the one that nginx has for it."""
    return OpenAIError(499, "The client hung up.", code="client_closed_request")


def internal() -> OpenAIError:
    said = _("Lectern could not do this because of an error of its own. It is in the log.")
    return OpenAIError(500, said, code="internal_error", kind=SERVER)
