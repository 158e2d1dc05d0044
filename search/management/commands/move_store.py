"""Copy all vectors into another vector store."""

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from kb.borrow import server_of
from kb.launch import LaunchError
from search.checking.audit import expected
from search.move import copy, used_indexes
from search.stores import ENGINES, StoreError, open_store


class Command(BaseCommand):
    help = "Copies the stored vectors into another vector store, while everything goes on. Embeds nothing."

    def add_arguments(self, parser) -> None:
        parser.add_argument("--to", required=True, choices=sorted(ENGINES), help="the store to copy into")

    def handle(self, *, to: str, **options) -> None:
        if to == "exact":
            raise CommandError("Exact search compares the vectors in the database: set KB_VECTOR_STORE=exact.")
        try:
            with server_of(to):
                faults = self._copy_all(to)
        except (StoreError, LaunchError) as error:
            raise CommandError(f"{error} What was copied stays; run this again to go on.") from error
        if faults:
            raise CommandError("\n".join(faults))
        self._say_what_next(to)

    def _copy_all(self, to: str) -> list[str]:
        target, indexes = open_store(to), used_indexes()
        faults = []
        with tqdm(total=sum(map(expected, indexes)), desc=f"to {to}", unit="passage", disable=None) as bar:
            for index in indexes:
                moved = copy(index, target, bar.update)
                self.stdout.write(f"{index}: {moved.chunks} passages, {moved.copied} copied now.")
                if moved.problem:
                    faults.append(f"{index}: {moved.problem}")
        return faults

    def _say_what_next(self, to: str) -> None:
        if to == settings.KB_VECTOR_STORE:
            self.stdout.write(f"All vectors are in {to}, which is in use.")
            return
        self.stdout.write(
            f"All vectors are in {to}. Set KB_VECTOR_STORE={to} and restart Lectern. Passages that are added until then"
            " are put in by itself afterwards; running this again right before keeps that short."
        )
