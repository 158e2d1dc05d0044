"""Say in sentences why a candidate stands where it stands."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from django.utils.translation import gettext as _

from search.arrange import BEYOND, SUPERSEDED
from search.explain import BELOW, FOLDED, GONE, JOINED, SHOWN, Candidate
from search.passage import Passage


@dataclass(frozen=True)
class Hit:
    """A passage that is shown, and the sentences that say why; none where the reader is not to be told."""

    passage: Passage
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True)
class Other:
    """A candidate that is not shown by itself: what became of it, and why it stood where it stood."""

    title: str
    fate: str
    reasons: tuple[str, ...]


def hits(passages: Sequence[Passage], candidates: Sequence[Candidate]) -> list[Hit]:
    """The passages, with reasons where they are among the candidates."""
    of = {candidate.chunk_id: reasons(candidate) for candidate in candidates}
    return [Hit(passage, of.get(passage.chunk_id, ())) for passage in passages]


def others(candidates: Sequence[Candidate]) -> list[Other]:
    """The candidates that are not shown, in the order of their scores; of what is gone there is nothing to tell."""
    titles = {candidate.chunk_id: candidate.title for candidate in candidates}
    return [Other(one.title, _fate(one, titles), reasons(one)) for one in candidates if one.fate not in (SHOWN, GONE)]


def reasons(candidate: Candidate) -> tuple[str, ...]:
    """What each leg gave, the fused score, the reranking model's, and the rules that moved it."""
    return (*_legs(candidate), *_order(candidate), *_moves(candidate))


def _legs(candidate: Candidate) -> Iterator[str]:
    names = {
        "vector": (_("by meaning"), _("cosine"), candidate.similarity),
        "keyword": (_("by words"), "BM25", candidate.keyword_score),
        "document": (_("its whole document"), "", None),
    }
    for leg, (name, measure, value) in names.items():
        if leg in candidate.ranks:
            found = {"leg": name, "rank": candidate.ranks[leg], "share": f"{candidate.shares.get(leg, 0):.3f}"}
            measured = f" ({measure} {value:.3f})" if value is not None else ""
            yield _("%(leg)s #%(rank)d%(measured)s gives %(share)s") % {**found, "measured": measured}
        elif leg != "document":
            yield _("%(leg)s: not found") % {"leg": name}


def _order(candidate: Candidate) -> Iterator[str]:
    yield _("fused score %(score)s of at most 1") % {"score": f"{candidate.score:.3f}"}
    if candidate.rerank_score is not None:
        told = {"score": f"{candidate.rerank_score:.3f}", "place": candidate.place or 0}
        yield _("the reranking model gives %(score)s: place %(place)d") % told
    elif candidate.place:
        yield _("place %(place)d before the rules") % {"place": candidate.place}


def _moves(candidate: Candidate) -> Iterator[str]:
    names = {
        SUPERSEDED: _("put behind the others: there is a newer version of its document"),
        BEYOND: _("put further down: its document has had its share of passages"),
    }
    yield from (names[move] for move in candidate.moved)


def _fate(candidate: Candidate, titles: dict[int, str]) -> str:
    into = titles.get(candidate.into or 0, "")
    return {
        JOINED: _("joined to its neighbour"),
        FOLDED: _("folded: %(title)s says the same") % {"title": into},
        BELOW: _("below what is shown"),
    }[candidate.fate]
