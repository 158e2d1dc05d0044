"""Notice that whoever asked has hung up, while nothing is written to them that would tell.

It looks at the client's socket, which gunicorn puts into the environment of a request as "gunicorn.socket"; behind
another server, or where gunicorn itself speaks TLS, it knows nothing. A proxy in front must hang up when its client
does: nginx does, and Caddy without `flush_interval -1`. A client that shuts its own side as soon as it has asked counts
as gone.
"""

import socket
from typing import Any

from django.http import HttpRequest


def has_hung_up(request: HttpRequest) -> bool:
    """Whether the client of this request is known to be gone. Waits for nothing, and reads nothing."""
    environment: dict[str, Any] = getattr(request, "environ", {})
    client = environment.get("gunicorn.socket")
    if type(client) is not socket.socket:
        return False
    try:
        return client.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) == b""
    except BlockingIOError:
        return False  # it waits for its answer
    except OSError:
        return True
