"""/mcp in the web processes: let the call in, and pass it on to the process that speaks the protocol."""

from collections.abc import Iterator
from functools import partial
from urllib.parse import urlsplit

from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.db import connection
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse, StreamingHttpResponse
from django.http.request import UnreadablePostError
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt

from kb.api_errors import ApiError
from kb.api_keys import sign_in
from kb.hang_up import has_hung_up
from kb.models import ApiKey
from search.answer_lane import AnswerLaneError
from search.answer_relay import Relayed, relay

SCOPES = (ApiKey.Scope.READ, ApiKey.Scope.ASK, ApiKey.Scope.WRITE)
THERE = ("authorization", "content-type", "accept", "last-event-id")  # and all that begin with mcp-
BACK = ("content-type", "mcp-session-id", "mcp-protocol-version")
REFUSED, UNAUTHORIZED, BROKEN = -32600, -32001, -32603  # JSON-RPC's codes


@csrf_exempt
def mcp(request: HttpRequest) -> HttpResponseBase:
    """POST: one message of the protocol. There are no sessions, so nothing else is to be had here."""
    if refusal := _refusal(request):
        return refusal
    try:
        body = request.body
    except RequestDataTooBig:
        limit = settings.DATA_UPLOAD_MAX_MEMORY_SIZE // 2**20
        return _said(413, REFUSED, _("A request may have %(n)d MB at the most.") % {"n": limit})
    except UnreadablePostError:
        return _said(400, REFUSED, _("The request broke off."))
    try:
        there = relay("POST", "mcp/", headers=_passed_on(request), content=body, is_gone=partial(has_hung_up, request))
    except AnswerLaneError:
        return _said(503, BROKEN, _("The process that speaks MCP does not answer. Try again in a while."))
    return _passed_back(there)


def _refusal(request: HttpRequest) -> HttpResponse | None:
    """Why this call is not let in: where it comes from, its method, its key."""
    if not _is_from_here(request):
        return _said(403, REFUSED, _("Calls from pages of other sites are not taken."))
    kind, _space, secret = request.headers.get("Authorization", "").partition(" ")
    try:
        person = sign_in(request, secret.strip() if kind.lower() == "bearer" else None, *SCOPES)
    except ApiError as error:
        headers = {"WWW-Authenticate": 'Bearer error="invalid_token"'} if error.status == 401 else {}
        return _said(error.status, UNAUTHORIZED, error.message, **headers, **error.headers)
    if person is None:
        challenge = 'Bearer error="invalid_token"' if secret else "Bearer"
        said = _("Send a valid API key: “Authorization: Bearer lec_...”.")
        return _said(401, UNAUTHORIZED, said, **{"WWW-Authenticate": challenge})
    if request.method != "POST":
        return _said(405, REFUSED, _("This address takes %(methods)s only.") % {"methods": "POST"}, Allow="POST")
    return None


def _is_from_here(request: HttpRequest) -> bool:
    """A browser names the page's origin, which must be ours; programs name none."""
    origin = request.headers.get("Origin")
    if origin is None or origin in settings.CSRF_TRUSTED_ORIGINS:
        return True
    parts = urlsplit(origin)
    return parts.scheme in ("http", "https") and parts.netloc == request.get_host()


def _said(status: int, code: int, message: str, **headers: str) -> JsonResponse:
    """An error as JSON-RPC has them."""
    body = {"jsonrpc": "2.0", "id": None, "error": {"code": code, "message": message}}
    return JsonResponse(body, status=status, headers=headers)


def _passed_on(request: HttpRequest) -> dict[str, str]:
    named = {name.lower(): value for name, value in request.headers.items()}
    return {name: value for name, value in named.items() if name in THERE or name.startswith("mcp-")}


def _passed_back(there: Relayed) -> HttpResponseBase:
    headers = {name: there.headers[name] for name in BACK if name in there.headers}
    if there.headers.get("content-type", "").startswith("text/event-stream"):
        connection.close()  # nobody else needs to wait for it while the answer is made
        back: HttpResponseBase = StreamingHttpResponse(_Pieces(there), status=there.status_code, headers=headers)
        back["X-Accel-Buffering"] = "no"
    else:
        back = _whole(there, headers)
    back["Cache-Control"] = "no-store"
    return back


def _whole(there: Relayed, headers: dict[str, str]) -> HttpResponse:
    try:
        return HttpResponse(there.read(), status=there.status_code, headers=headers)
    except AnswerLaneError:
        return _said(503, BROKEN, _("The process that speaks MCP does not answer. Try again in a while."))
    finally:
        there.close()


class _Pieces:
    """The pieces of a response as they come; closing it hangs up, even before the first."""

    def __init__(self, there: Relayed) -> None:
        self._there = there

    def __iter__(self) -> Iterator[bytes]:
        try:
            yield from self._there
        except AnswerLaneError:
            return  # the client sees a stream without its end, and asks again

    def close(self) -> None:
        self._there.close()
