"""Find the programs that some tests need; without one they are skipped, or fail where KB_REQUIRE_ALL=1 says so (CI)."""

import os
import shutil

import pytest

PROGRAMS = {
    "chromium": ("chromium", "chromium-browser", "google-chrome"),
    "tesseract": ("tesseract",),
}


def program(name: str) -> str:
    """The path of a program from PROGRAMS. Skips the running test, or fails it, where there is none."""
    for candidate in PROGRAMS[name]:
        if found := shutil.which(candidate):
            return found
    message = f"{name} is not installed"
    if os.environ.get("KB_REQUIRE_ALL") == "1":
        pytest.fail(f"{message}, and KB_REQUIRE_ALL=1 asks for it.")
    pytest.skip(f"{message}: apt install {PROGRAMS[name][0]}")
