"""Labels are suggested by their words, and by what people have labelled."""

import numpy as np
import pytest

from search.organising.classify import FITS, NEUTRAL, NEUTRAL_CJK, Examples, fit_of, suggested

D = 64
RANDOM = np.random.default_rng(3)


def unit(*rows) -> np.ndarray:
    matrix = np.asarray(rows, np.float32)
    return matrix / np.linalg.norm(matrix, axis=-1, keepdims=True)


def about(direction: np.ndarray, count: int, strength: float = 0.6) -> np.ndarray:
    return unit(*(strength * direction + RANDOM.standard_normal((count, D)) / D**0.5))


SUBJECTS = unit(*RANDOM.standard_normal((3, D)))
NEUTRALS = np.stack([unit(*RANDOM.standard_normal((24, D)))] * 2)
NOTHING = [Examples(), Examples()]


def test_a_label_fits_the_texts_that_are_about_it():
    texts = np.concatenate([about(subject, 20) for subject in SUBJECTS])
    found = suggested(fit_of(texts, SUBJECTS[:2], NEUTRALS, NOTHING))
    assert found[:20, 0].mean() > 0.8
    assert found[20:40, 1].mean() > 0.8
    assert found[40:].mean() < 0.1


def test_where_no_text_is_about_a_label_almost_none_gets_it():
    texts = about(SUBJECTS[2], 50)
    assert suggested(fit_of(texts, SUBJECTS[:2], NEUTRALS, NOTHING)).mean() < 0.05


def test_where_all_texts_are_about_a_label_almost_all_get_it():
    texts = about(SUBJECTS[0], 50)
    assert suggested(fit_of(texts, SUBJECTS[:1], NEUTRALS[:1], NOTHING[:1])).mean() > 0.9


@pytest.mark.parametrize("base", [0.0, 0.7])
def test_it_does_not_matter_how_near_everything_is_in_a_model(base):
    """In some models the cosine of any two texts is above .7."""
    common = base * 3 * unit(np.ones(D))[0]
    texts = unit(*(np.concatenate([about(s, 20) for s in SUBJECTS]) + common))
    found = suggested(fit_of(texts, unit(*(SUBJECTS[:2] + common)), unit(*(NEUTRALS + common)), NOTHING))
    assert (found[:20, 0].mean() > 0.8, found[40:].mean() < 0.1) == (True, True)


def test_what_people_accept_teaches_a_label_that_says_little():
    texts = np.concatenate([about(subject, 20) for subject in SUBJECTS])
    vague = unit(RANDOM.standard_normal(D))
    before = fit_of(texts, vague, NEUTRALS[:1], [Examples()])
    after = fit_of(texts, vague, NEUTRALS[:1], [Examples(accepted=range(10), refused=range(40, 45))])
    assert (before[10:20] >= FITS).mean() < 0.3
    assert (after[10:20] >= FITS).mean() > 0.8
    assert (after[20:] >= FITS).mean() < 0.1


def test_what_people_refuse_keeps_a_label_away():
    texts = np.concatenate([about(SUBJECTS[0], 20), about(SUBJECTS[0] + SUBJECTS[1], 20)])
    both = Examples(accepted=range(5), refused=range(20, 30))
    wrong = fit_of(texts, SUBJECTS[:1], NEUTRALS[:1], [Examples()])[30:]
    assert fit_of(texts, SUBJECTS[:1], NEUTRALS[:1], [both])[30:].mean() < wrong.mean()


def test_no_texts_no_suggestions():
    assert suggested(np.zeros((0, 2))).shape == (0, 2)
    assert suggested(np.zeros((2, 0))).shape == (2, 0)


def test_neutral_labels_say_the_same_in_both_languages():
    assert len(NEUTRAL) == len(NEUTRAL_CJK) == len(set(NEUTRAL)) == len(set(NEUTRAL_CJK))
