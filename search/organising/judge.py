"""Whether two documents that have much in common are versions of one."""

from dataclasses import dataclass
from enum import Enum

from search.organising.resemble import Shared
from search.organising.versions import Mark, later

ALIKE = 0.6  # of both together: worth asking a person
ALIKE_BY_NAME = 0.3  # ... where the names are the same but for version and date
CONTAINED, TIMES_LONGER = 0.8, 4.0  # a text that grew; one in a text many times longer is a quotation or a chapter
CLEAR = 0.7  # and names that say which version each is: no need to ask
CLEAR_BY_DATE = 0.85  # a date may be that of another month's report, which has the form in common
SERIES = 5  # documents that differ by their date only: more of them are a series of reports


class Judgement(Enum):
    """What two documents are to each other, as far as it can be known without a person."""

    NOTHING = "nothing"
    ALIKE = "alike"
    VERSION = "version"


@dataclass(frozen=True)
class Named:
    """What is known of a document but for its text: the mark of its name, its folder, when it came (any order)."""

    mark: Mark
    name: str
    folder: str
    came: object


def judge(one: Named, other: Named, found: Shared, *, dated: int = 0) -> Judgement:
    """What they are to each other; `dated` counts the documents of the same name but for a date."""
    share = max(found.together, found.contained if found.longer <= TIMES_LONGER else 0.0)
    if same_name(one.mark, other.mark):
        if share >= _clear_from(one, other, dated):
            return Judgement.VERSION
        return Judgement.ALIKE if share >= ALIKE_BY_NAME else Judgement.NOTHING
    alike = found.together >= ALIKE or (found.contained >= CONTAINED and found.longer <= TIMES_LONGER)
    return Judgement.ALIKE if alike else Judgement.NOTHING


def same_name(one: Mark, other: Mark) -> bool:
    """Whether the names are the same but for version and date."""
    return bool(one.stem) and one.stem == other.stem


def _clear_from(one: Named, other: Named, dated: int) -> float:
    """The share from which nobody needs to be asked; above 1 where somebody always is."""
    if one.name.casefold() == other.name.casefold():
        return CLEAR if one.folder == other.folder else 2.0
    if one.mark.number != other.mark.number or (one.mark.says_version or other.mark.says_version):
        return CLEAR
    if one.mark.date != other.mark.date:
        return CLEAR_BY_DATE if dated <= SERIES else 2.0
    return 2.0  # the same name and another format: both may be wanted


def is_later(one: Named, other: Named) -> bool:
    """Whether the first is the later one: by name, or else as it came later."""
    by_name = later(one.mark, other.mark) if same_name(one.mark, other.mark) else 0
    return by_name > 0 or (by_name == 0 and one.came > other.came)  # type: ignore[operator]
