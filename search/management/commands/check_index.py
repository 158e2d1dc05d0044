"""Check the indexes against the database and the files."""

import time

from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from kb.models import KnowledgeBase
from kb.workers import new_worker
from search.checking import jobs as check_jobs
from search.checking.check import SAMPLE, Finding, sentence
from search.models import IndexCheck

WAIT_SECONDS = 1.0


class Command(BaseCommand):
    help = "Checks vectors, words and files against the database. Ends with 1 if faults remain. Embeds nothing."

    def add_arguments(self, parser) -> None:
        parser.add_argument("--repair", action="store_true", help="put right what can be, from the stored vectors")
        parser.add_argument("--knowledge-base", "-k", help="only this one: its name or id")
        looked_up = parser.add_mutually_exclusive_group()
        many = f"passages an index, and files, that are looked up (default: {SAMPLE})"
        looked_up.add_argument("--sample", type=int, default=SAMPLE, metavar="N", help=many)
        looked_up.add_argument("--all", action="store_true", help="look up every passage and file, which takes long")

    def handle(self, *, repair, knowledge_base, sample, all, **options) -> None:
        if sample < 0:
            raise CommandError("--sample must not be negative.")
        base = self._knowledge_base(knowledge_base) if knowledge_base else None
        findings = self._findings(repair=repair, knowledge_base=base, sample=None if all else sample)
        found, repaired = sum(one.count for one in findings), sum(one.repaired for one in findings)
        if found - repaired:
            hint = "" if repair else " Run again with --repair."
            raise CommandError(f"{found} faults, {repaired} repaired, {found - repaired} remain.{hint}")
        self.stdout.write(f"{found} faults, all repaired." if found else "No faults.")

    def _findings(self, **asked) -> list[Finding]:
        """Every part's findings are written as soon as it is done."""
        worker = new_worker()
        check = self._begun(worker, **asked)
        with tqdm(desc="checking", unit="part", disable=None) as bar:

            def show(part: int, of: int, findings: list[Finding]) -> None:
                bar.total = of
                bar.update(part - bar.n)
                with bar.external_write_mode():
                    for finding in findings:
                        self.stdout.write(line(finding))

            try:
                return check_jobs.see_through(check, worker, show)
            except check_jobs.Overtaken as error:
                raise CommandError(
                    "Another process took this check over: this one did not say that it lives."
                ) from error
            except KeyboardInterrupt as error:
                raise CommandError("Stopped. What was repaired stays repaired.") from error

    def _begun(self, worker: str, **asked) -> IndexCheck:
        """One at a time: a check that a worker does is waited for."""
        waits = False
        while (check := check_jobs.begin_here(worker=worker, **asked)) is None:
            if not waits:
                self.stderr.write("Another check is running; this one begins after it.")
            waits = True
            time.sleep(WAIT_SECONDS)
            check_jobs.free_lost()
        return check

    def _knowledge_base(self, name: str) -> KnowledgeBase:
        living = KnowledgeBase.objects.filter(deleted_at=None)
        found = list(living.filter(name=name)) or [one for one in living if str(one.pk) == name]
        if len(found) != 1:
            said = f"There are {len(found)} knowledge bases" if found else "There is no knowledge base"
            raise CommandError(f"{said} named {name!r}.")
        return found[0]


def line(finding: Finding) -> str:
    """A finding as a line: whose, what, how many, which."""
    whose = f"{finding.knowledge_base} (index {finding.index}): " if finding.index else ""
    examples = ", ".join(finding.examples) + (", ..." if finding.count > len(finding.examples) else "")
    said = sentence(finding.where, finding.kind)
    return f"{whose}{said} {finding.count} found, {finding.repaired} repaired: {examples}"
