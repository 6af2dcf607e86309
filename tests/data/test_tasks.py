"""Data of several tasks: patterns and digits."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from moe_theory import DigitPatches, DigitTasks, TaskPatterns

MODELS = [
    TaskPatterns(6, 20, 40, frequencies=(0.6, 0.3, 0.1)),
    TaskPatterns(6, 20, 40, frequencies=(0.6, 0.3, 0.1), spread=0.2),
    DigitTasks(DigitPatches(n_patches=6), others=((7, 6), (9, 4)), frequencies=(0.6, 0.3, 0.1)),
]


@pytest.mark.parametrize("model", MODELS, ids=["patterns", "spread", "digits"])
def test_tasks_have_their_frequencies(model):
    data = model.sample(4000, seed=1)
    counts = np.bincount(data.tasks, minlength=3)
    expected = 4000 * np.array(model.frequencies)
    # Five standard deviations of a binomial count.
    assert np.all(np.abs(counts - expected) < 5 * np.sqrt(expected))
    assert abs(np.corrcoef(data.tasks, data.labels)[0, 1]) < 5 / np.sqrt(4000)


@settings(max_examples=40)
@given(st.integers(1, 4), st.integers(1, 12), st.integers(1, 5), st.integers(0, 99))
def test_discriminative_patch_is_that_of_task_and_label(n_tasks, p, n, seed):
    model = TaskPatterns(n, p, p + 2 * n_tasks + 1, frequencies=(1 / n_tasks,) * n_tasks)
    data = model.sample(30, seed)
    rows = np.arange(30)
    expected = np.stack([model.pair(t)[int(y < 0)] for t, y in zip(data.tasks, data.labels)])  # noqa: B905
    np.testing.assert_array_equal(data.patches()[rows, data.positions], expected)
    others = np.delete(data.indices.ravel(), rows * n + data.positions)
    assert np.all(others >= 2 * n_tasks)
    gram = model.dictionary @ model.dictionary.T
    np.testing.assert_allclose(gram, np.eye(len(gram)), atol=1e-12)


def test_spread_blurs_irrelevant_patches_only():
    sharp, blurred = MODELS[0].sample(500, seed=3), MODELS[1].sample(500, seed=3)
    gap = blurred.patches() - sharp.patches()
    rows = np.arange(500)
    assert np.all(gap[rows, sharp.positions] == 0)
    gap[rows, sharp.positions] = np.nan
    std = np.nanstd(gap)
    n_values = np.isfinite(gap).sum()
    assert std == pytest.approx(0.2, abs=5 * 0.2 / np.sqrt(2 * n_values))


def test_digits_show_the_pair_of_the_task():
    model = MODELS[2]
    data = model.sample(600, seed=2, split="test")
    shown = data.indices[np.arange(600), data.positions]
    pairs = ((1, 0), (7, 6), (9, 4))
    for task, pair in enumerate(pairs):
        for sign, digit in zip((1, -1), pair, strict=True):
            here = shown[(data.tasks == task) & (data.labels == sign)]
            assert np.isin(here, model.base.rows("test", digit)).all()
    others = np.delete(data.indices.ravel(), np.arange(600) * 6 + data.positions)
    for pair in pairs:
        assert not np.isin(others, model.base.rows("test", *pair)).any()


@pytest.mark.parametrize("model", [MODELS[0], MODELS[2]], ids=["patterns", "digits"])
def test_one_task_alone(model):
    data = model.only(2).sample(50, seed=0)
    assert set(data.tasks.tolist()) == {2}
    whole = model.sample(50, seed=0)
    np.testing.assert_array_equal(data.labels, whole.labels)
    np.testing.assert_array_equal(data.positions, whole.positions)
    same = whole.tasks == 2
    np.testing.assert_array_equal(data.indices[same], whole.indices[same])
    np.testing.assert_array_equal(whole.subset(np.flatnonzero(same)).tasks, 2)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"frequencies": (0.5, 0.4)}, "frequencies must be probabilities whose sum is 1"),
        ({"frequencies": ()}, "frequencies must be a tuple of at least one probability"),
        ({"frequencies": (1.5, -0.5)}, "frequencies must be a finite number in"),
        ({"patch_dim": 11}, "patch_dim must be >= n_irrelevant"),
        ({"n_irrelevant": 0}, "n_irrelevant must be an integer >= 1"),
        ({"spread": -0.1}, "spread must be"),
        ({"spread": 1e200}, "spread must be"),
        ({"n_patches": 2**31}, "n_patches must be at most 2147483647"),
        ({"n_irrelevant": 2**70}, "n_irrelevant must be at most 2147483647"),
    ],
)
def test_bad_patterns_are_named(change, message):
    with pytest.raises(ValueError, match=message):
        TaskPatterns(**{"n_patches": 4, "n_irrelevant": 8, "patch_dim": 12} | change)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"others": ((1, 6),)}, "others must be a tuple of different digits"),
        ({"others": ((7, 6), (7, 4)), "frequencies": (1.0, 0.0, 0.0)}, "without"),
        ({"others": ((7, 6, 5),)}, "others must be pairs of digits"),
        ({"frequencies": (1.0,)}, "frequencies must be 2 probabilities"),
        ({"base": 3}, "base must be a DigitPatches"),
    ],
)
def test_bad_digits_are_named(change, message):
    with pytest.raises(ValueError, match=message):
        DigitTasks(**change)


def test_digit_missing_in_a_pool_is_named():
    images = np.random.default_rng(0).random((40, 2, 2))
    digits = (0, 1, 2, 3, 6)
    base = DigitPatches.from_arrays(
        images, np.resize(digits, 40), n_patches=3, irrelevant_digits=(2, 3)
    )
    with pytest.raises(ValueError, match="the train pool must have an image of each digit; no 7"):
        DigitTasks(base)
    assert DigitTasks(base, others=((6, 3),)).n_tasks == 2


def test_unknown_task_is_named():
    for model in (MODELS[0], MODELS[2]):
        with pytest.raises(ValueError, match=r"task must be an integer in \[0, 2\]; got 3"):
            model.only(3)
