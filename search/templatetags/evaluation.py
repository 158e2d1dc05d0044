"""How measures are shown."""

from django import template
from django.template.defaultfilters import filesizeformat
from django.utils.formats import number_format
from django.utils.translation import gettext as _

from search.evaluation.forms import index_name
from search.evaluation.pages import asked, compared_rows, measure_name, refusals, way_name
from search.models import EvaluationRun

register = template.Library()
register.filter("way_name", way_name)
register.filter("compared_rows", compared_rows)
register.filter("measure_name", measure_name)
register.filter("asked", asked)
register.filter("refusals", refusals)
register.filter("index_name", lambda index: index_name(index) if index else _("an index that is gone"))

BADGES = {"queued": "queued", "running": "running", "done": "ready", "failed": "failed", "cancelled": "cancelled"}


@register.filter
def badge(run: EvaluationRun) -> str:
    """Which badge shows the run's state."""
    return BADGES[run.state]


@register.filter
def ms(milliseconds: float | None) -> str:
    """Milliseconds with as many digits as say something."""
    if milliseconds is None:
        return ""
    return f"{number_format(milliseconds, 2 if milliseconds < 1 else 1 if milliseconds < 100 else 0)} ms"


@register.filter
def memory(number: int | None) -> str:
    """Bytes as people read them."""
    return "" if number is None else filesizeformat(number)


@register.filter
def set_name(run: EvaluationRun) -> str:
    """Which questions the run asks."""
    return str(run.question_set or _("all saved questions"))


@register.filter
def figure(run: EvaluationRun, measure: str) -> dict | None:
    """The measure in the way that chat searches; None where the run has none."""
    from search.evaluation.comparison import chat_way

    return run.results.get(chat_way(run), {}).get(measure)
