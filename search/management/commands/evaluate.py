"""Ask the saved questions and say how well they are answered: `manage.py evaluate KNOWLEDGE_BASE`."""

import json
import time
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError

from kb.beats import alive
from kb.models import KnowledgeBase
from search.evaluation import evaluate, jobs
from search.evaluation.comparison import chat_way
from search.evaluation.lengths import LengthsError, building, compare_lengths, numbers_in, plan, retire_trials
from search.evaluation.measures import MEASURES
from search.evaluation.pages import lines_of, measure_name, refusals, usual_way
from search.evaluation.question_sets import complete
from search.generations.progress import in_short
from search.models import EvaluationRun, QuestionSet

SHOWN = ("recall@1", "recall@5", "recall@10", "mrr@10", "ndcg@10")
UNFINISHED = (EvaluationRun.State.QUEUED, EvaluationRun.State.RUNNING)
BELOW, NOT_MEASURED = 1, 2  # exit codes
LOOK_SECONDS = 2.0


class Command(BaseCommand):
    help = "Asks a knowledge base's saved questions and prints recall, MRR and nDCG. Exit code 1: below what was asked."

    def add_arguments(self, parser) -> None:
        parser.add_argument("knowledge_base", help="its name or id")
        parser.add_argument("--set", dest="question_set", help="the name of one set of questions; else all are asked")
        parser.add_argument("--json", action="store_true", help="print the results as JSON")
        parser.add_argument(
            "--fail-below", action="append", default=[], metavar="recall@5=0.9",
            help="exit with 1 where the way of chat has less; may be given several times",
        )  # fmt: skip
        parser.add_argument(
            "--fail-when-worse", action="store_true", help="exit with 1 where it is worse than the evaluation before"
        )
        parser.add_argument(
            "--lengths", metavar="128,256,512",
            help="compare passages of these lengths in tokens with those in use; the embed worker builds the indexes",
        )  # fmt: skip

    def handle(self, **options) -> None:
        limits = dict(_limit(said) for said in options["fail_below"])
        base = _knowledge_base(options["knowledge_base"])
        question_set = _question_set(base, options["question_set"])
        if options["lengths"]:
            if limits or options["fail_when_worse"]:
                raise CommandError("--lengths compares; it cannot fail by a limit.", returncode=NOT_MEASURED)
            self._say(self._compared(base, options["lengths"], question_set), options["json"])
            return
        before = _before(base, question_set)
        run = self._measured(evaluate.start(base, question_set=question_set, label="manage.py evaluate"))
        self._say(run, options["json"])
        faults = _below(run, limits)
        if options["fail_when_worse"] and before and (comparison := evaluate.compare(before, run)).is_worse:
            faults += comparison.sentences
        if faults:
            raise CommandError(" ".join(faults), returncode=BELOW)

    def _say(self, run: EvaluationRun, as_json: bool) -> None:
        self.stdout.write(json.dumps(_as_json(run), indent=2) if as_json else _as_text(run))

    def _compared(self, base: KnowledgeBase, said: str, question_set: QuestionSet | None) -> EvaluationRun:
        """Passage lengths side by side. What it takes is said before, and how far it is meanwhile, on stderr."""
        if not complete(evaluate.questions_of(base, question_set)).exists():
            raise CommandError(
                "There is no saved question with a document that is still there.", returncode=NOT_MEASURED
            )
        if not alive("embed"):
            raise CommandError("The embed worker, which builds the indexes, does not run.", returncode=NOT_MEASURED)
        try:
            chosen = plan(base, numbers_in(said))
            self.stderr.write(chosen.sentence)
            run = compare_lengths(chosen, base, question_set=question_set)
        except LengthsError as error:
            raise CommandError(error.message, returncode=NOT_MEASURED) from error
        try:
            self._wait_for_indexes(run)
            return self._measured(run)
        except KeyboardInterrupt:
            jobs.cancel(run)
            retire_trials()
            raise CommandError("Given up.", returncode=NOT_MEASURED) from None

    def _wait_for_indexes(self, run: EvaluationRun) -> None:
        said = ""
        while run.state in UNFINISHED and (parts := building(run)):
            told = ", ".join(f"{one.tokens}: {in_short(one.progress) if one.progress else 'built'}" for one in parts)
            if told != said:
                self.stderr.write(told)
                said = told
            time.sleep(LOOK_SECONDS)
            run.refresh_from_db()

    def _measured(self, run: EvaluationRun) -> EvaluationRun:
        """Done here, unless a worker was quicker, which is waited for."""
        while run.state in UNFINISHED:
            evaluate.run(run.pk)
            run.refresh_from_db()
            if run.state == EvaluationRun.State.RUNNING or run.error:
                time.sleep(1)
        if run.state != EvaluationRun.State.DONE:
            raise CommandError(run.error or f"The evaluation was {run.state}.", returncode=NOT_MEASURED)
        return run


def _limit(said: str) -> tuple[str, float]:
    name, _, value = said.partition("=")
    try:
        if name in MEASURES:
            return name, float(value)
    except ValueError:
        pass
    raise CommandError(f"{said!r} is not like recall@5=0.9; the measures are {', '.join(MEASURES)}.", returncode=2)


def _knowledge_base(said: str) -> KnowledgeBase:
    living = KnowledgeBase.objects.filter(deleted_at=None)
    try:
        found = list(living.filter(pk=UUID(said)))
    except ValueError:
        found = list(living.filter(name=said))
    if len(found) != 1:
        problem = "There are several knowledge bases" if found else "There is no knowledge base"
        raise CommandError(f"{problem} called {said!r}.", returncode=NOT_MEASURED)
    return found[0]


def _question_set(base: KnowledgeBase, name: str | None) -> QuestionSet | None:
    if not name:
        return None
    found = base.question_sets.filter(name=name).first()
    if found is None:
        raise CommandError(f"There is no set of questions called {name!r} in it.", returncode=NOT_MEASURED)
    return found


def _before(base: KnowledgeBase, question_set: QuestionSet | None) -> EvaluationRun | None:
    reasons = (EvaluationRun.Reason.ASKED, EvaluationRun.Reason.SCHEDULED)
    runs = base.evaluation_runs.filter(question_set=question_set, state=EvaluationRun.State.DONE, reason__in=reasons)
    return runs.order_by("-created_at").first()


def _below(run: EvaluationRun, limits: dict[str, float]) -> list[str]:
    found = run.results[chat_way(run)]
    return [
        f"{name} is {found[name]['value']:.3f}, below {limit:g}."
        for name, limit in limits.items()
        if found[name]["value"] < limit
    ]


def _as_json(run: EvaluationRun) -> dict:
    told = {"chat": usual_way(run), "results": run.results, "refusals": run.refusals}
    return {"id": str(run.pk), "questions": len(run.answers), **told}


def _as_text(run: EvaluationRun) -> str:
    rows = [f"{'':10}" + "".join(f"{measure_name(name):>22}" for name in SHOWN) + f"{'ms':>8}"]
    for line in lines_of(run, SHOWN):
        figures = (f"{one['value']:.3f} ({one['low']:.2f}-{one['high']:.2f})" for one in line.figures)
        passages = "" if line.passages is None else f"{line.passages:>10} passages"
        told = "".join(f"{figure:>22}" for figure in figures)
        rows.append(f"{line.way:10}{told}{line.p50 or 0:8.1f}{passages}")
    return "\n".join([f"{len(run.answers)} questions, with 95 % confidence intervals", *rows, *refusals(run)])
