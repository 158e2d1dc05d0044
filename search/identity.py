"""The name under which this Lectern keeps things on servers that it may share with others."""

from functools import cache

from search.models import Installation


@cache
def identity() -> str:
    """Ten letters and digits, the same for all processes on this database, for good."""
    return Installation.objects.get_or_create(pk=1)[0].name
