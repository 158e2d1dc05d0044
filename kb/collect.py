"""Put the static files where the web server finds them, when they have changed."""

import hashlib

from django.conf import settings
from django.contrib.staticfiles.finders import get_finders
from django.core.management import call_command

STAMP = ".collected"


def collect_static_files() -> bool:
    """Collect, compress and name them by content, unless that was done for just these files. True if it was needed."""
    stamp, wanted = settings.STATIC_ROOT / STAMP, fingerprint()
    if stamp.exists() and stamp.read_text(encoding="utf-8") == wanted:
        return False
    call_command("collectstatic", verbosity=0, interactive=False, clear=settings.STATIC_ROOT.exists())
    stamp.write_text(wanted, encoding="utf-8")
    return True


def fingerprint() -> str:
    """Of all static files' names, sizes and times."""
    digest = hashlib.sha256()
    for finder in get_finders():
        for path, storage in finder.list(None):
            facts = (path, storage.size(path), storage.get_modified_time(path))
            digest.update(repr(facts).encode())
    return digest.hexdigest()
