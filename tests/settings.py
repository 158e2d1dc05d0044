"""The settings of the test suite: the real ones, in a data folder of their own."""

import os
import tempfile

os.environ.setdefault("KB_DATA", tempfile.mkdtemp(prefix="lectern-test-"))
os.environ.setdefault("KB_ALLOWED_HOSTS", "testserver,localhost,127.0.0.1")
os.environ.setdefault("KB_CONVERT_AFTER", "0")  # no test waits for it, and none wants it beside it

from kb.settings import *  # noqa: F403

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
STORAGES = {  # no manifest: tests run without collectstatic
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
KB_FLUSH_CALLS_SECONDS = 0  # no thread writes the call log: tests that look at it do
STATIC_ROOT.mkdir(exist_ok=True)  # noqa: F405 - where whitenoise looks when it starts
