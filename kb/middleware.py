"""What happens around every request: the first visit, the language, and that pages stay private."""

from collections.abc import Iterator
from contextvars import Context

from django.http import FileResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import translation
from django.utils.cache import patch_cache_control, patch_vary_headers

from kb.acting import asks
from kb.models import User


class ActingMiddleware:
    """What is asked of models is written down as asked by the person or the program behind the request."""

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        with asks(request) as context:
            response = self.get_response(request)
        is_written_later = response.streaming and not response.is_async and not isinstance(response, FileResponse)
        if is_written_later:
            response.streaming_content = _in_context(context, response.streaming_content)
        return response


def _in_context(context: Context, pieces: Iterator) -> Iterator:
    try:
        while (piece := context.run(next, pieces, None)) is not None:
            yield piece
    finally:
        if close := getattr(pieces, "close", None):
            context.run(close)


class UserLanguageMiddleware:
    """The language that the person chose, else the cookie's or the browser's."""

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        chosen = request.user.language if request.user.is_authenticated else ""
        language = chosen or translation.get_language_from_request(request)
        with translation.override(language):
            request.LANGUAGE_CODE = translation.get_language()
            response = self.get_response(request)
        response.headers.setdefault("Content-Language", request.LANGUAGE_CODE)
        if not chosen:
            patch_vary_headers(response, ("Accept-Language",))
        return response


class FirstVisitMiddleware:
    """Until there is an administrator, every page leads to the page that makes one."""

    OPEN = ("/static/", "/livez", "/readyz", "/language")
    _done = False  # per process: once there is a user, never ask the database again

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        if request.user.is_authenticated or FirstVisitMiddleware._done:
            return self.get_response(request)
        setup = reverse("setup")
        if request.path != setup and not request.path.startswith(self.OPEN):
            if not User.objects.exists():
                return redirect(setup)
            FirstVisitMiddleware._done = True
        return self.get_response(request)


class PrivatePagesMiddleware:
    """Pages of a signed-in person are not kept by any cache; fragments are never taken for pages."""

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        response = self.get_response(request)
        patch_vary_headers(response, ("HX-Request",))
        if request.user.is_authenticated and not response.has_header("Cache-Control"):
            patch_cache_control(response, private=True, no_store=True)
        return response
