"""What is kept open is opened once, and closed when it is told to."""

import os
import re
import threading
import time

import pytest

from kb.kept import Kept
from tests.closing import KEPT
from tests.test_imports import ROOT, files


class Door:
    opened: list["Door"] = []

    def __init__(self, name: str) -> None:
        time.sleep(0.01)  # so that others ask meanwhile
        self.name, self.is_open = name, True
        self.opened.append(self)

    def close(self) -> None:
        self.is_open = False


@pytest.fixture
def doors(monkeypatch):
    monkeypatch.setattr(Door, "opened", [])
    return Kept(Door, most=2)


def test_one_is_opened_however_many_threads_ask(doors):
    threads = [threading.Thread(target=doors.of, args=["front"]) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [door.name for door in Door.opened] == ["front"]


def test_all_are_closed_and_opened_anew(doors):
    front, back = doors.of("front"), doors.of("back")
    doors.close()
    assert not front.is_open and not back.is_open
    assert doors.of("front").is_open and doors.of("front") is not front


def test_one_too_many_is_let_go_of_and_not_closed_while_it_may_be_in_use(doors):
    front = doors.of("front")
    for name in ("back", "cellar"):
        doors.of(name)
    assert front.is_open and doors.of("front") is not front


def test_what_cannot_be_opened_is_tried_again():
    keys: list[str] = []
    doors = Kept(lambda name: Door(keys[0]))
    with pytest.raises(IndexError):
        doors.of("front")
    keys.append("key")
    assert doors.of("front").name == "key"


def test_a_forked_child_opens_its_own(doors, monkeypatch):
    front = doors.of("front")
    monkeypatch.setattr(os, "getpid", lambda: -1)
    assert doors.of("front") is not front


def test_tests_close_all_that_is_kept():
    kept = re.compile(r"^(_\w+)(?:: [^=]+)? = Kept\(", re.MULTILINE)
    found = {(file, name) for file in files() for name in kept.findall((ROOT / file).read_text(encoding="utf-8"))}
    assert {(file.removesuffix(".py").replace("/", "."), name) for file, name in found} == set(KEPT.items())
