"""A database of its own for each Lectern that a test starts, on the server that the suite runs on."""

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import psycopg


@contextmanager
def own_database() -> Iterator[dict[str, str]]:
    """The environment that leads to a new, empty database. On SQLite: none, as the data folder has its file."""
    server = os.environ.get("KB_DATABASE_URL", "")
    if not server.startswith(("postgres://", "postgresql://")):
        yield {}
        return
    name = f"lectern_{uuid.uuid4().hex}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
        try:
            yield {"KB_DATABASE_URL": urlsplit(server)._replace(path=f"/{name}").geturl()}
        finally:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
