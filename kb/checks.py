"""Say at the start, in a sentence each, what is wrong with the settings."""

import importlib.util
import os
import shutil
from pathlib import Path
from urllib.parse import urlsplit

from django.conf import settings
from django.core.checks import CheckMessage, Error, Info, Warning, register
from django.db import connection

from kb.data import is_address, milvus_folder

LOOPBACK = ("127.0.0.1", "::1", "localhost")
NETWORK_FILE_SYSTEMS = frozenset({"nfs", "nfs4", "cifs", "smb3", "afs", "ceph", "glusterfs", "fuse.sshfs", "9p"})
SHORTEST_SECRET = 50  # characters; Django's own measure
STORE_PACKAGES = (  # engine, package, module
    ("chroma", "chromadb", "chromadb"),
    ("faiss", "faiss-cpu", "faiss"),
    ("milvus", "pymilvus", "pymilvus"),
)
MOUNTS = Path("/proc/self/mounts")


@register
def check_data_folder(app_configs, **kwargs) -> list[CheckMessage]:
    """It must be writable, and SQLite's locks need a disk of this machine."""
    data = settings.KB_DATA
    if not os.access(data, os.W_OK | os.X_OK):
        return [Error(f"The data folder {data} cannot be written to.", hint="Set KB_DATA to another.", id="kb.E001")]
    kind = file_system(data)
    if connection.vendor == "sqlite" and kind in NETWORK_FILE_SYSTEMS:
        return [
            Error(
                f"The data folder {data} lies on a network file system ({kind}), where SQLite loses data.",
                hint="Set KB_DATA to a local disk, or KB_DATABASE_URL to a PostgreSQL database.",
                id="kb.E002",
            )
        ]
    return []


@register
def check_exposure(app_configs, **kwargs) -> list[CheckMessage]:
    """What is open to others must not show its insides, nor believe any name it is called by."""
    problems: list[CheckMessage] = []
    if settings.DEBUG and settings.KB_HOST not in LOOPBACK:
        problems.append(
            Error(
                f"KB_DEBUG shows the program's insides to everyone who reaches {settings.KB_HOST}.",
                hint="Unset KB_DEBUG, or set KB_HOST=127.0.0.1.",
                id="kb.E003",
            )
        )
    if "*" in settings.ALLOWED_HOSTS:
        problems.append(
            Error(
                "KB_ALLOWED_HOSTS=* lets a forged host name into links and invitations.",
                hint="List the names under which people open Lectern.",
                id="kb.E004",
            )
        )
    if len(settings.SECRET_KEY) < SHORTEST_SECRET:
        problems.append(
            Error(
                f"KB_SECRET_KEY has fewer than {SHORTEST_SECRET} characters.",
                hint="Unset it, and one is made and kept in the data folder.",
                id="kb.E005",
            )
        )
    return problems


@register
def check_names(app_configs, **kwargs) -> list[CheckMessage]:
    """Open to the network, Lectern is called by a name that it has to know."""
    if settings.KB_HOST in LOOPBACK or set(settings.ALLOWED_HOSTS) - {*LOOPBACK, "[::1]", settings.KB_HOST}:
        return []
    if settings.KB_HOST not in ("0.0.0.0", "::"):
        return []
    return [
        Warning(
            "KB_HOST opens Lectern to the network, but only this machine's own names are accepted.",
            hint="Set KB_ALLOWED_HOSTS to the names under which people open it.",
            id="kb.W002",
        )
    ]


@register
def check_proxy(app_configs, **kwargs) -> list[CheckMessage]:
    """Behind a proxy that ends HTTPS, forms need to know the public address."""
    if settings.BEHIND_PROXY and not settings.CSRF_TRUSTED_ORIGINS:
        return [
            Warning(
                "KB_BEHIND_PROXY is set without KB_TRUSTED_ORIGINS, so browsers' forms may be refused.",
                hint="For example: KB_TRUSTED_ORIGINS=https://lectern.example.org",
                id="kb.W001",
            )
        ]
    return []


@register
def check_stores(app_configs, **kwargs) -> list[CheckMessage]:
    """The chosen engines must be installed, and Milvus have an address that can be one."""
    chosen = {settings.KB_VECTOR_STORE, settings.KB_KEYWORD_INDEX}
    problems: list[CheckMessage] = [
        Error(
            f"The setting {name} needs the package {package}, which is not installed.",
            hint="Run `make install`, or choose another.",
            id="kb.E006",
        )
        for name, package, module in STORE_PACKAGES
        if name in chosen and not importlib.util.find_spec(module)
    ]
    uri = settings.KB_MILVUS_URI
    if "milvus" in chosen and is_address(uri) and urlsplit(uri).scheme not in ("http", "https"):
        problems.append(
            Error(
                f"KB_MILVUS_URI must be the http(s) address of a server or a folder for Milvus Lite, not {uri!r}.",
                hint="For example: KB_MILVUS_URI=http://milvus:19530",
                id="kb.E007",
            )
        )
    if "milvus" in chosen and not is_address(uri) and not importlib.util.find_spec("milvus_lite"):
        problems.append(
            Error(
                "KB_MILVUS_URI names no server, and Milvus Lite, which would run here, is not installed.",
                hint="Run `make install`, or set KB_MILVUS_URI to the address of a Milvus server.",
                id="kb.E008",
            )
        )
    return problems + (file_in_the_way(uri) if "milvus" in chosen else [])


@register
def check_hour(app_configs, **kwargs) -> list[CheckMessage]:
    if settings.KB_CHECK_HOUR < 24:
        return []
    return [Error(f"KB_CHECK_HOUR must be 0 to 23, or -1, not {settings.KB_CHECK_HOUR}.", id="kb.E010")]


def file_in_the_way(uri: str) -> list[CheckMessage]:
    """Files of the older Milvus Lite (before 3.0) are no folders, and cannot be opened."""
    folder = milvus_folder(settings.KB_DATA, uri)
    if is_address(uri) or not folder.is_file():
        return []
    return [
        Error(
            f"{folder} is a file, but Milvus Lite keeps a folder. Files of its versions before 3 cannot be read.",
            hint="Set KB_MILVUS_URI to another place; what it holds is built anew from the database.",
            id="kb.E009",
        )
    ]


@register
def check_tesseract(app_configs, **kwargs) -> list[CheckMessage]:
    if shutil.which("tesseract"):
        return []
    return [
        Info(
            "Tesseract is not installed: images and scanned pages are not read.",
            hint="As root: apt install tesseract-ocr tesseract-ocr-chi-sim",
            id="kb.I001",
        )
    ]


def file_system(folder: Path) -> str:
    """The kind of file system that a folder lies on, as Linux names it; '' where that isn't told."""
    if not MOUNTS.exists():
        return ""
    mounts = (line.split() for line in MOUNTS.read_text(encoding="utf-8", errors="replace").splitlines())
    places = {Path(mount[1].replace("\\040", " ")): mount[2] for mount in mounts if len(mount) > 2}
    return next((places[place] for place in (folder, *folder.parents) if place in places), "")
