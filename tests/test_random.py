"""Seeds, and normal draws whose last bits no C library decides."""

import re

import numpy as np
import pytest
from numpy.random import SeedSequence

from moe_theory._random import normals, seed_sequence, stream


def test_normals_are_those_of_numpy_in_single_precision():
    drawn = normals(stream(0, "a"), (300, 40))
    np.testing.assert_array_equal(drawn, np.float32(stream(0, "a").standard_normal((300, 40))))
    assert drawn.dtype == np.float64
    assert normals(stream(0, "a"), 3).shape == (3,)


@pytest.mark.parametrize(
    ("seed", "same"),
    [
        (7, SeedSequence(7)),
        (np.int16(7), SeedSequence(7)),
        (2**200, SeedSequence(2**200)),
        ([7, 0], SeedSequence([7, 0])),
        ((7, np.int64(0)), SeedSequence([7, 0])),
        (range(3), SeedSequence([0, 1, 2])),
        (np.array([7, 0], dtype=np.uint8), SeedSequence([7, 0])),
        (SeedSequence(7, spawn_key=(1,)), SeedSequence(7, spawn_key=(1,))),
    ],
)
def test_seeds(seed, same):
    assert seed_sequence(seed).generate_state(4).tolist() == same.generate_state(4).tolist()
    assert stream(seed, "a").random() == stream(same, "a").random()


@pytest.mark.parametrize("seed", [-1, np.int64(-3), [1, -2], [], np.array([], dtype=int)])
def test_bad_seeds(seed):
    with pytest.raises(ValueError, match="seed must be an integer >= 0, a sequence of them or"):
        stream(seed, "a")


@pytest.mark.parametrize(
    "seed",
    ["7", b"7", 7.0, True, [0.5], ["7"], [True], [[7]], np.array(7), np.array([[7]]), {7}, {7: 1},
     np.array([0.5]), object(), np.random],
)  # fmt: skip
def test_wrong_seeds(seed):
    with pytest.raises(TypeError, match="seed must be an integer >= 0, a sequence of them or"):
        stream(seed, "a")


@pytest.mark.parametrize(
    ("seed", "why"),
    [
        (
            None,
            "equal seeds give equal bits, and None would draw others at every call; got None",
        ),
        (np.random.default_rng(0), "and a Generator gives others at every call; got Generator"),
        (np.random.RandomState(0), "and a RandomState gives others at every call; got"),
        (np.random.PCG64(0), "and a PCG64 gives others at every call; got"),
    ],
)
def test_seeds_that_change_say_why_not(seed, why):
    with pytest.raises(TypeError, match=re.escape(why)):
        stream(seed, "a")
