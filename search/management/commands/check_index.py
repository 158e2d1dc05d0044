"""Check the indexes against the database and the files."""

from collections.abc import Iterator

from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from kb.models import KnowledgeBase
from search.check import SAMPLE, Finding, check_part, parts, sentence


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
        findings = list(self._findings(base, None if all else sample, repair))
        for finding in findings:
            self.stdout.write(line(finding))
        found, repaired = sum(one.count for one in findings), sum(one.repaired for one in findings)
        if found - repaired:
            hint = "" if repair else " Run again with --repair."
            raise CommandError(f"{found} faults, {repaired} repaired, {found - repaired} remain.{hint}")
        self.stdout.write(f"{found} faults, all repaired." if found else "No faults.")

    def _findings(self, base: KnowledgeBase | None, sample: int | None, repair: bool) -> Iterator[Finding]:
        for part in tqdm(list(parts(base, sample)), desc="checking", unit="part", disable=None):
            yield from check_part(part, repair=repair)

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
