import dataclasses
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from moe_theory.data import DigitPatches, PatchPatterns, SpuriousPatch

PATTERNS = PatchPatterns(n_patches=5, n_irrelevant=6, patch_dim=10, delta_d=0.3)
SPREAD = dataclasses.replace(PATTERNS, spread=0.2)
DIGITS = DigitPatches(n_patches=5)
every_base = pytest.mark.parametrize(
    "base", [PATTERNS, SPREAD, DIGITS], ids=["patterns", "spread", "digits"]
)


@every_base
@pytest.mark.parametrize(("split", "rho"), [("train", 0.9), ("test", 0.2)])
def test_agreement_rate_of_either_class(base, split, rho):
    data = SpuriousPatch(base, rho_train=0.9, rho_test=0.2).sample(3000, 0, split=split)
    agrees = data.spurious_signs == data.labels
    for label in (1, -1):
        of_class = agrees[data.labels == label]
        assert stats.binomtest(int(of_class.sum()), len(of_class), rho).pvalue > 1e-6


@pytest.mark.parametrize("rho", [0, 1])
def test_certain_agreement(rho):
    data = SpuriousPatch(PATTERNS, rho_train=rho).sample(300, 0)
    assert ((data.spurious_signs == data.labels) == bool(rho)).all()


@every_base
def test_place_is_uniform_among_the_others(base):
    data = SpuriousPatch(base, 0.9).sample(3000, 1)
    steps = (data.spurious_positions - data.positions) % 5
    assert (steps > 0).all()
    assert stats.chisquare(np.bincount(steps - 1, minlength=4)).pvalue > 1e-6


@every_base
@pytest.mark.parametrize("split", ["train", "test"])
def test_labels_and_discriminative_patches_are_those_of_the_base(base, split):
    plain = base.sample(40, 7, split=split)
    data = SpuriousPatch(base, 0.9).sample(40, 7, split=split)
    rows = np.arange(40)
    np.testing.assert_array_equal(data.labels, plain.labels)
    np.testing.assert_array_equal(data.positions, plain.positions)
    told, expected = data.patches()[rows, data.positions], plain.patches()[rows, data.positions]
    np.testing.assert_array_equal(told, expected)
    if isinstance(base, PatchPatterns):
        changed = (data.patches() != plain.patches()).any(axis=2)
        np.testing.assert_array_equal(changed, np.arange(5) == data.spurious_positions[:, None])


@given(p=st.integers(1, 8), more=st.integers(0, 3), closer=st.booleans())
def test_two_more_patterns_orthogonal_to_all(p, more, closer):
    base = PatchPatterns(3, p, p + 4 + more, delta_d=-0.4, n_closer=(int(closer), 0))
    dictionary = SpuriousPatch(base, 0.9).sample(4, 0).dictionary
    gram = dictionary @ dictionary.T
    np.testing.assert_array_equal(dictionary[: p + 2], base.dictionary)
    np.testing.assert_allclose(gram[p + 2 :, : p + 2], 0, atol=1e-12)
    np.testing.assert_allclose(gram[p + 2 :, p + 2 :], np.eye(2), atol=1e-12)


@pytest.mark.parametrize("base", [PATTERNS, SPREAD], ids=["finite", "spread"])
def test_spurious_patch_is_the_exact_pattern_of_its_sign(base):
    data = SpuriousPatch(base, 0.5).sample(60, 0)
    patterns = SpuriousPatch(PATTERNS, 0.5).sample(1, 0).dictionary[-2:]
    found = data.patches()[np.arange(60), data.spurious_positions]
    np.testing.assert_array_equal(found, patterns[(data.spurious_signs < 0).astype(int)])


def test_dictionary_is_shared_between_samples():
    model = SpuriousPatch(PATTERNS, 0.9)
    assert np.shares_memory(model.sample(2, 0).dictionary, model.sample(2, 1).dictionary)


@pytest.mark.parametrize("digits", [None, (2, 3), (8, 5)])
def test_spurious_digits_stand_nowhere_else(digits):
    model = SpuriousPatch(DIGITS, 0.5, digits=digits)
    first, second = digits or (2, 3)
    assert model.digits == (first, second)
    data = model.sample(400, 0)
    is_spurious = np.arange(5) == data.spurious_positions[:, None]
    drawn = data.indices[is_spurious]
    assert set(drawn[data.spurious_signs > 0]) <= set(DIGITS.rows("train", first))
    assert set(drawn[data.spurious_signs < 0]) <= set(DIGITS.rows("train", second))
    assert not set(data.indices[~is_spurious]) & set(DIGITS.rows("train", first, second))


def test_two_patches_leave_no_irrelevant_digit():
    base = DigitPatches(n_patches=2, irrelevant_digits=(2, 3))
    data = SpuriousPatch(base, 0.5).sample(50, 0)
    np.testing.assert_array_equal(data.spurious_positions, 1 - data.positions)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"base": PatchPatterns(1, 1, 5)}, "base.n_patches must be an integer >= 2; got 1"),
        ({"base": DigitPatches(n_patches=1)}, "base.n_patches must be an integer >= 2; got 1"),
        ({"base": PatchPatterns(3, 4, 7)}, "patch_dim must be >= n_irrelevant + 4 = 8"),
        ({"base": "digits"}, "base must be a PatchPatterns or DigitPatches; got 'digits'"),
        ({"rho_train": 1.1}, "rho_train must be a finite number in [0, 1]; got 1.1"),
        ({"rho_test": -0.1}, "rho_test must be a finite number in [0, 1]; got -0.1"),
        ({"digits": (2, 3)}, "digits must be left out where base is a PatchPatterns; got (2, 3)"),
        ({"base": DIGITS, "digits": (1, 2)}, "digits must be a tuple of different digits"),
        ({"base": DIGITS, "digits": (2, 2)}, "digits must be a tuple of different digits"),
        ({"base": DIGITS, "digits": (2, 3, 4)}, "digits must be two digits in [0, 9]"),
        (
            {"base": DigitPatches(n_patches=3, irrelevant_digits=(2, 3))},
            "digits must be such that one of (2, 3) is left; got (2, 3)",
        ),
    ],
)
def test_bad_fields(arguments, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        SpuriousPatch(**({"base": PATTERNS, "rho_train": 0.9} | arguments))


def test_spurious_digit_missing_in_a_pool_is_named():
    images = np.random.default_rng(0).random((40, 2, 2))
    base = DigitPatches.from_arrays(
        images, np.arange(40) % 4, n_patches=3, irrelevant_digits=(2, 3)
    )
    with pytest.raises(ValueError, match="the train pool must have an image of each digit; no 8"):
        SpuriousPatch(base, 0.9, digits=(2, 8))
