"""What every page shows around its content."""


def navigation(request) -> dict:
    """Nothing yet for a stranger; see the views for the rest."""
    return {}
