import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from moe_theory._random import stream
from moe_theory.data import (
    ClusterSignal,
    DataModel,
    DigitPatches,
    PatchPatterns,
    SpuriousPatch,
    TaskPatterns,
)
from moe_theory.data.protocol import draw_labels, split_stream

PATTERNS = PatchPatterns(n_patches=5, n_irrelevant=6, patch_dim=10)
DIGITS = DigitPatches(n_patches=5)
MODELS = {
    "patterns": PATTERNS,
    "spread": PatchPatterns(n_patches=5, n_irrelevant=6, patch_dim=8, spread=0.1),
    "digits": DIGITS,
    "spurious patterns": SpuriousPatch(PATTERNS, 0.9),
    "spurious spread": SpuriousPatch(PatchPatterns(5, 6, 10, spread=0.1), 0.9),
    "spurious digits": SpuriousPatch(DIGITS, 0.9),
    "clusters": ClusterSignal(n_clusters=3, n_patches=5, patch_dim=6),
}
every_model = pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)


def equal(a, b):
    return np.array_equal(a.labels, b.labels) and np.array_equal(a.patches(), b.patches())


@every_model
def test_is_a_data_model(model):
    assert isinstance(model, DataModel)
    data = model.sample(7, 0)
    assert (data.n_samples, data.n_patches, data.patch_dim) == (7, 5, model.patch_dim)


@every_model
def test_seed_and_split_choose_the_sample(model):
    first = model.sample(100, 3)
    assert equal(first, model.sample(100, 3))
    assert equal(first, model.sample(100, np.random.SeedSequence(3)))
    assert not equal(first, model.sample(100, 4))
    other = model.sample(100, 3, split="test")
    for name in ("labels", "positions"):
        assert not np.array_equal(getattr(first, name), getattr(other, name))
    assert not np.array_equal(first.patches(), other.patches())


@every_model
def test_splits_are_uncorrelated(model):
    pairs = [(model.sample(41, s), model.sample(41, s, split="test")) for s in range(50)]
    train, test = (np.concatenate([pair[k].labels for pair in pairs]) for k in (0, 1))
    agreement = int((train == test).sum())
    assert stats.binomtest(agreement, len(train), 0.5).pvalue > 1e-6


@every_model
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((0, 0), r"n_samples must be an integer >= 1; got 0"),
        ((2.0, 0), r"n_samples must be an integer >= 1; got 2.0"),
        ((2**70, 0), r"n_samples must be at most 2147483647; got 11805"),
        ((10**12, 0), r"n_samples must be at most 2147483647; got 10{12}"),
        (("2", 0), r"n_samples must be an integer >= 1; got '2'"),
        ((2, -1), r"seed must be an integer >= 0, a sequence of them or a numpy .*; got -1"),
    ],
)
def test_bad_arguments(model, arguments, message):
    with pytest.raises(ValueError, match=message):
        model.sample(*arguments)


@every_model
@pytest.mark.parametrize(
    "seed", [None, "0", 0.0, True, np.random.default_rng(0), np.random.RandomState(0), [None], {}]
)
def test_wrong_seeds(model, seed):
    with pytest.raises(TypeError, match="seed must be an integer >= 0, a sequence of them or"):
        model.sample(2, seed)


@every_model
def test_sample_that_does_not_fit_is_refused_before_work(model, monkeypatch):
    def no_work(*arguments):
        raise AssertionError("work has begun")

    monkeypatch.setattr("moe_theory.data.protocol.draw_labels", no_work)
    monkeypatch.setattr("moe_theory._memory.total_memory", lambda: 10**8)
    with pytest.raises(ValueError, match=r"n_samples must be such that a sample of n = 5 .* fits"):
        model.sample(10**8, 0)
    monkeypatch.undo()
    assert len(model.sample(1000, 0)) == 1000


@pytest.mark.parametrize("spread", [0.1, 1.0])
def test_patches_of_their_own_are_counted(spread, monkeypatch):
    """N·n·d numbers in double precision, where patterns without spread take N·n indices."""
    monkeypatch.setattr("moe_theory._memory.total_memory", lambda: 10**6)
    blurred = PatchPatterns(n_patches=5, n_irrelevant=6, patch_dim=100, spread=spread)
    with pytest.raises(ValueError, match=r"fits into .*; got 1000, which takes 0.00747 GiB"):
        blurred.sample(1000, 0)
    assert len(PatchPatterns(n_patches=5, n_irrelevant=6, patch_dim=100).sample(1000, 0)) == 1000
    with pytest.raises(ValueError, match=r"n_samples must be at most 429496729 with n = 5"):
        blurred.sample(2**30, 0)


def test_patterns_that_do_not_fit_are_refused_before_work(monkeypatch):
    p = 10**6
    models = PatchPatterns(4, p, p + 2), TaskPatterns(4, p, p + 4), ClusterSignal(p, 4, 2 * p)
    for model in models:
        with pytest.raises(ValueError, match=r"patch_dim must be such that a basis .* fits into"):
            model.sample(2, 0)


@pytest.mark.parametrize("name", ["patterns", "spread", "spurious spread", "clusters"])
def test_sequences_are_seeds(name):
    model = MODELS[name]
    first = model.sample(20, [3, 1])
    assert equal(first, model.sample(20, np.array([3, 1])))
    assert equal(first, model.sample(20, np.random.SeedSequence([3, 1])))
    assert not equal(first, model.sample(20, [3, 2]))
    assert not equal(first, model.sample(20, 3))


@every_model
def test_bad_split(model):
    for split in ("valid", None, ["train"], 0):
        with pytest.raises(ValueError, match="split must be one of 'train', 'test'; got"):
            model.sample(2, 0, split=split)


def test_streams_have_names():
    with pytest.raises(TypeError, match="name must be a string; got 3"):
        split_stream(0, "train", 3)


@every_model
def test_places_of_the_discriminative_patch_are_uniform(model):
    counts = np.bincount(model.sample(2000, 1).positions, minlength=5)
    assert stats.chisquare(counts).pvalue > 1e-6


@given(n_samples=st.integers(1, 200), fraction=st.floats(0.01, 0.99), seed=st.integers(0, 9))
def test_balanced_labels_have_the_nearest_count(n_samples, fraction, seed):
    labels = draw_labels(n_samples, fraction, True, stream(seed, "labels"))
    assert set(labels.tolist()) <= {-1, 1}
    assert labels.shape == (n_samples,)
    assert abs((labels == 1).sum() - n_samples * fraction) <= 0.5


def test_odd_sample_has_the_sign_of_a_fair_coin():
    sums = [draw_labels(5, 0.5, True, stream(s, "labels")).sum() for s in range(1000)]
    assert set(sums) == {-1, 1}
    assert stats.binomtest(sums.count(1), 1000).pvalue > 1e-6


def test_balanced_labels_are_in_random_order():
    first = [draw_labels(4, 0.5, True, stream(s, "labels"))[0] for s in range(1000)]
    assert stats.binomtest(first.count(1), 1000).pvalue > 1e-6


def test_unbalanced_labels_are_bernoulli():
    counts = [(draw_labels(50, 0.3, False, stream(s, "a")) == 1).sum() for s in range(400)]
    assert stats.binomtest(int(np.sum(counts)), 400 * 50, 0.3).pvalue > 1e-6
    # Variance of a binomial count, within 5 standard errors (close to those of a normal law).
    assert abs(np.var(counts) / (50 * 0.3 * 0.7) - 1) < 5 * np.sqrt(2 / 400)
