"""Tell type checkers what a signed-in person's request carries."""

from django.http import HttpRequest
from django_htmx.middleware import HtmxDetails

from kb.models import User


class Request(HttpRequest):
    """What a view gets behind `login_required`, and an API operation behind its key: `user` is a person."""

    user: User  # type: ignore[assignment]  # never anonymous there
    htmx: HtmxDetails
