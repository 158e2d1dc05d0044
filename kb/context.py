"""What every page shows around its content."""

from django.utils.functional import SimpleLazyObject

from kb.access import readable_by

SHELF_LENGTH = 20  # beyond that the page of all knowledge bases is the better place to look


def navigation(request) -> dict:
    """The knowledge bases in the sidebar; asked for only by pages that show it."""
    user = getattr(request, "user", None)
    if user is None or not user.is_authenticated:
        return {}
    return {"shelf_of_reader": SimpleLazyObject(lambda: list(readable_by(user)[:SHELF_LENGTH]))}
