"""Ask every service whether it is up, all at once."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from urllib.parse import urlsplit

import httpx
from django.conf import settings
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from kb import broker
from kb.beats import alive
from kb.data import chroma_url, milvus_url
from kb.services import answers

SECONDS = 0.5  # a page waits no longer than this for all of them


@dataclass(frozen=True)
class Seen:
    """A service as it was seen now; `detail` is a sentence or a number with its unit."""

    name: str
    is_up: bool
    detail: str


def services() -> list[Seen]:
    """Every service, in the order in which a file and then a question meets them."""
    with ThreadPoolExecutor(max_workers=4) as pool:
        asked = [pool.submit(_asked, ping) for ping in (_redis, _store, _lane, _writer)]
        beating = {kind: len(alive(kind)) for kind in ("parse", "embed", "reconciler")}
        redis, store, lane, writer = (future.result() for future in asked)
    return [
        Seen(_("Web"), True, _("shows this page")),
        Seen(_("Message broker (Redis)"), *redis),
        Seen(_("Parse worker"), *_heard(beating["parse"])),
        Seen(_("Embed worker"), *_heard(beating["embed"])),
        Seen(_("Embedding of questions"), *lane),
        Seen(_("Vector store"), *store),
        Seen(_("Writing of answers"), *writer),
        Seen(_("Reconciler"), *_heard(beating["reconciler"])),
    ]


def _heard(n: int) -> tuple[bool, str]:
    said = ngettext("%(n)d process was heard of just now", "%(n)d processes were heard of just now", n) % {"n": n}
    return (True, said) if n else (False, _("not heard of for a while"))


def _asked(ping: Callable[[], str]) -> tuple[bool, str]:
    try:
        return True, ping()
    except (httpx.HTTPError, OSError) as error:
        return False, _("does not answer (%(why)s)") % {"why": str(error) or type(error).__name__}


def _redis() -> str:
    broker.ping(SECONDS)
    return _("answers")


def _store() -> str:
    if settings.KB_VECTOR_STORE == "milvus":
        return _milvus()
    if settings.KB_VECTOR_STORE == "faiss":
        return _("files of the data folder")
    if settings.KB_VECTOR_STORE != "chroma":
        return _("exact search over the stored vectors")
    return _health(f"{chroma_url(settings.KB_DATA, settings.KB_CHROMA_URL)}/api/v2/heartbeat")


def _milvus() -> str:
    url = urlsplit(milvus_url(settings.KB_DATA, settings.KB_MILVUS_URI))
    if not answers((url.hostname or "127.0.0.1", url.port or 19530), SECONDS):
        raise OSError(_("it was not started"))
    return _("answers")


def _lane() -> str:
    return _own("embed.sock", settings.KB_EMBED_URL, settings.KB_EMBED_LISTEN)


def _writer() -> str:
    return _own("answer.sock", settings.KB_ANSWER_URL, settings.KB_ANSWER_LISTEN)


def _own(socket: str, url: str, listen: str) -> str:
    """A process of this installation, at an address or on its socket."""
    address = url or (f"http://{listen}" if listen else "")
    if address:
        return _health(f"{address}/health")
    path = settings.KB_DATA / "run" / socket
    if not path.exists():
        raise OSError(_("it was not started"))
    return _health("http://lectern/health", str(path))


def _health(url: str, socket: str | None = None) -> str:
    """Certificates are only loaded where they are needed: that alone takes 50 ms."""
    transport = httpx.HTTPTransport(uds=socket, verify=url.startswith("https://"))
    with httpx.Client(transport=transport, timeout=SECONDS) as client:
        client.get(url).raise_for_status()
    return _("answers")
