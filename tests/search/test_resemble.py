"""How much two texts have in common."""

import numpy as np
import pytest

from search.organising.resemble import estimate, shared, shingles_of, short, signature_of

WORDS = [f"word{n}" for n in range(2000)]
HANZI = [chr(0x4E00 + (n * 37) % 5000) for n in range(2000)]


def text(units, first=0, last=1000, *, changed=()):
    return (" " if len(units[0]) > 1 else "").join("changed" if n in changed else units[n] for n in range(first, last))


def test_layout_case_and_punctuation_do_not_count():
    plain = shingles_of(["Travel costs are paid back, within ten days."])
    assert np.array_equal(plain, shingles_of(["TRAVEL   costs\nare paid", "back; within “ten” days"]))


def test_full_width_forms_are_the_same_text():
    assert np.array_equal(shingles_of(["２０２４ ＡＢＣ ｄｅｆ"]), shingles_of(["2024 abc def"]))


def test_a_text_has_everything_in_common_with_itself_and_nothing_with_another():
    one, other = shingles_of([text(WORDS)]), shingles_of([text(WORDS, 1000, 2000)])
    assert (shared(one, one).together, shared(one, one).contained) == (1.0, 1.0)
    assert shared(one, other).together == 0.0


@pytest.mark.parametrize("units", [WORDS, HANZI], ids=["words", "characters"])
def test_a_few_changes_leave_most_in_common(units):
    whole, revised = shingles_of([text(units)]), shingles_of([text(units, changed=range(0, 1000, 50))])
    assert 0.85 < shared(whole, revised).together < 0.97


@pytest.mark.parametrize("units", [WORDS, HANZI], ids=["words", "characters"])
def test_a_text_that_became_longer_contains_the_shorter_one(units):
    found = shared(shingles_of([text(units, 0, 500)]), shingles_of([text(units, 0, 1500)]))
    assert found.contained > 0.99
    assert found.together == pytest.approx(0.5, abs=0.02)
    assert found.longer == pytest.approx(3, abs=0.05)


def test_order_counts():
    backwards = " ".join(reversed(WORDS[:1000]))
    assert shared(shingles_of([text(WORDS)]), shingles_of([backwards])).together == 0.0


@pytest.mark.parametrize("empty", [[], [""], ["... !"]])
def test_an_empty_text_has_nothing_in_common_with_anything(empty):
    assert shared(shingles_of(empty), shingles_of([text(WORDS)])).contained == 0.0
    assert len(signature_of(shingles_of(empty))) == 256


@pytest.mark.parametrize("last", [200, 600, 1000, 1500])
@pytest.mark.parametrize("first", [0, 100, 500])
def test_signatures_estimate_what_the_sequences_share(first, last):
    one, other = shingles_of([text(WORDS, 0, 1000)]), shingles_of([text(WORDS, first, first + last)])
    true = shared(one, other)
    mine, columns = short(signature_of(one)), short(signature_of(other))[:, None]
    together, contained = estimate(mine, len(one), columns, np.array([len(other)]))
    assert together[0] == pytest.approx(true.together, abs=0.12)
    assert contained[0] == pytest.approx(true.contained, abs=0.25)


def test_many_are_compared_block_by_block(monkeypatch):
    monkeypatch.setattr("search.organising.resemble.BLOCK", 7)
    random = np.random.default_rng(1)
    columns = random.integers(0, 256, (256, 20), np.uint8)
    columns[:, 19] = columns[:, 3]
    together, _ = estimate(columns[:, 3], 100, columns, np.full(20, 100))
    assert together[[3, 19]].tolist() == [1.0, 1.0]
    assert max(np.delete(together, [3, 19])) < 0.05


def test_signatures_are_the_same_everywhere():
    assert signature_of(shingles_of(["the same in every process"]))[:3].tolist() == FIRST_THREE


FIRST_THREE = [251255527, 307064623, 1629114375]
