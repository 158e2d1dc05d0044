"""Fees."""


def fee(weeks):
    """Twelve crowns a week."""
    return 12 * weeks
