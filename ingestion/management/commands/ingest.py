"""Add files and folders to a knowledge base from a terminal."""

import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from ingestion.errors import IngestionError
from ingestion.receive import receive
from kb.models import Document, KnowledgeBase, Membership, Role, User

UNFINISHED = (Document.Status.QUEUED, Document.Status.RUNNING)


class Command(BaseCommand):
    help = "Adds files and folders to a knowledge base, and waits until each is ready or failed."

    def add_arguments(self, parser) -> None:
        parser.add_argument("paths", nargs="+", type=Path, metavar="PATH")
        parser.add_argument("--knowledge-base", "-k", required=True, help="its name or id; a new name makes a new one")
        parser.add_argument("--user", help="whose upload it is; without it, the first administrator's")
        parser.add_argument("--no-wait", action="store_true", help="return as soon as all files are stored")

    def handle(self, *, paths, knowledge_base, user, no_wait, **options) -> None:
        files = list(walk(paths))
        if not files:
            raise CommandError("There are no files at the paths given.")
        person = self._person(user)
        base = self._knowledge_base(knowledge_base, person)
        taken = self._store(files, base, person)
        if taken and not no_wait:
            self._wait(taken)

    def _person(self, name: str | None) -> User:
        people = User.objects.filter(username=name) if name else User.objects.filter(is_superuser=True).order_by("pk")
        person = people.first()
        if person is None:
            raise CommandError(f"There is no user {name!r}." if name else "There is no administrator yet.")
        return person

    def _knowledge_base(self, name: str, person: User) -> KnowledgeBase:
        living = KnowledgeBase.objects.filter(deleted_at=None)
        found = list(living.filter(name=name)) or [kb for kb in living if str(kb.pk) == name]
        if len(found) > 1:
            raise CommandError(f"There are {len(found)} knowledge bases named {name!r}; give the id instead.")
        if found:
            return found[0]
        base = KnowledgeBase.objects.create(name=name, created_by=person)
        Membership.objects.create(knowledge_base=base, user=person, role=Role.MANAGER)
        self.stdout.write(f"Made the knowledge base {name!r}.")
        return base

    def _store(self, files: list[tuple[Path, str]], base: KnowledgeBase, person: User) -> list:
        taken, known, refused = [], 0, 0
        for path, folder in tqdm(files, desc="storing", unit="file", disable=None):
            try:
                with path.open("rb") as file:
                    received = receive(file, knowledge_base=base, user=person, name=path.name, folder=folder)
                taken.append(received.document.pk)
                known += not received.is_new
            except (IngestionError, OSError) as error:
                refused += 1
                self.stderr.write(f"{path}: {error}")
        self.stdout.write(f"{len(taken) - known} new, {known} already there, {refused} refused.")
        return taken

    def _wait(self, taken: list) -> None:
        with tqdm(total=len(taken), desc="ingesting", unit="document", disable=None) as bar:
            while True:
                states = Counter(status for part in pages(taken) for status in statuses(part))
                left = sum(states[status] for status in UNFINISHED)
                bar.update(len(taken) - left - bar.n)
                if not left:
                    break
                time.sleep(1)
        self.stdout.write(", ".join(f"{n} {status}" for status, n in sorted(states.items())) + ".")
        for part in pages(taken):
            for document in Document.objects.filter(pk__in=part, status=Document.Status.FAILED):
                self.stderr.write(f"{document.name}: {document.error}")


def walk(paths: list[Path]) -> Iterator[tuple[Path, str]]:
    """Every file at or below the paths, hidden ones left out, with its folder inside what was named."""
    for path in paths:
        if path.is_file():
            yield path, ""
        for file in sorted(path.rglob("*")) if path.is_dir() else ():
            inside = file.relative_to(path)
            if file.is_file() and not any(part.startswith(".") for part in inside.parts):
                yield file, "/".join((path.resolve().name, *inside.parts[:-1]))


def pages(items: list, size: int = 500) -> Iterator[list]:
    """The items in parts that a database takes in one question."""
    for first in range(0, len(items), size):
        yield items[first : first + size]


def statuses(part: list) -> list[str]:
    """The status of each of these documents that is still there."""
    return list(Document.objects.filter(pk__in=part).values_list("status", flat=True))
