"""Gram matrices that threads share."""

import sys
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from moe_theory import SGD, DenseCNN, JointMoE, PatchData, PatchPatterns, train, train_many
from moe_theory.training import gram as gram_module
from moe_theory.training.gram import gram


def dictionary(seed):
    """Patterns in pairs that overlap, no two dictionaries alike."""
    rows = np.eye(8, 12)
    rows[1::2] = 0.5 * rows[0::2] + (1 + seed) * rows[1::2]
    return rows


@pytest.fixture
def restless():
    """Threads that take turns as often as they can."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(interval)


def test_threads_that_come_and_go(restless, monkeypatch):
    """Dictionaries die while others are looked up; each thread gets the matrix of its own."""
    monkeypatch.setattr(gram_module, "_known", {})

    def work(thread):
        for turn in range(300):
            own = dictionary(300 * thread + turn)
            found = [gram(own) for _ in range(2)]
            assert found[0] is found[1]
            dense = np.zeros((8, 8))
            for i in range(8):
                entries = slice(found[0].start[i], found[0].start[i + 1])
                dense[i, found[0].column[entries]] = found[0].value[entries]
            np.testing.assert_allclose(dense, own @ own.T, rtol=1e-14)
        return thread

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(work, range(8))) == list(range(8))
    assert len(gram_module._known) <= 9  # nothing of the dead is kept, but the last of each


def test_views_of_one_array_are_told_apart():
    square = np.arange(16.0).reshape(4, 4)
    for view in (square, square.T, square[:, ::-1][:, ::-1], square[::2, ::2], square[:2, :2]):
        found = gram(view)
        dense = np.zeros((len(view), len(view)))
        for i in range(len(view)):
            entries = slice(found.start[i], found.start[i + 1])
            dense[i, found.column[entries]] = found.value[entries]
        np.testing.assert_array_equal(dense, view @ view.T)


def test_threads_that_train_give_what_one_gives(restless):
    """Own dictionaries per replica, so that the memory of Gram matrices changes all the time."""
    patterns = PatchPatterns(n_patches=4, n_irrelevant=10, patch_dim=12)
    sgd = SGD(0.5, 5, n_steps=20, dtype="float64")

    class Law:
        n_patches = patterns.n_patches

        def sample(self, n_samples, seed, split="train"):
            data = patterns.sample(n_samples, seed, split=split)
            return PatchData(data.dictionary * (1 + seed), data.indices, data.labels)

    runs = [
        train_many([DenseCNN(4), JointMoE(2, 4, 2)], Law(), sgd, range(40), n_train=20,
                   n_workers=n_workers, engine="pattern")
        for n_workers in (1, 8)
    ]  # fmt: skip
    for one, other in zip(*runs, strict=True):
        assert one.weights.experts.tobytes() == other.weights.experts.tobytes()


def test_recording_every_step_takes_linear_time():
    """Four times the records in four times the time; quadratic, it was thirteen."""
    data = PatchPatterns(n_patches=2, n_irrelevant=4, patch_dim=6).sample(4, 0)

    def seconds(n_steps):
        started = time.thread_time()
        run = train(DenseCNN(1), data, SGD(0.1, 4, n_steps=n_steps, record=1))
        np.testing.assert_array_equal(run.history.steps, np.arange(n_steps + 1))
        return time.thread_time() - started

    seconds(100)
    few = min(seconds(8_000) for _ in range(2))
    assert min(seconds(32_000) for _ in range(2)) < 8 * few
