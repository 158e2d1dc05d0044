"""What tells this Lectern from others."""

import secrets

from django.db import models


def made_up() -> str:
    """Random enough that no two Lecterns on a server have the same."""
    return secrets.token_hex(5)


class Installation(models.Model):
    """One row, made with the database: what is kept on a server that others may use, too, is named by it."""

    name = models.CharField(max_length=10, default=made_up)

    def __str__(self) -> str:
        return self.name
