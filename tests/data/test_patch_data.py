import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from moe_theory.data import PatchData

INDICES = np.array([[0, 1], [2, 0], [1, 1]])
LABELS = np.array([1, -1, 1])


def make(**changes):
    fields = {"dictionary": np.eye(3), "indices": INDICES, "labels": LABELS}
    return PatchData(**(fields | changes))


@given(
    n_samples=st.integers(1, 6),
    n_patches=st.integers(1, 5),
    patch_dim=st.integers(1, 4),
    seed=st.integers(0, 99),
)
def test_raw_patches_come_back(n_samples, n_patches, patch_dim, seed):
    patches = np.random.default_rng(seed).normal(size=(n_samples, n_patches, patch_dim))
    data = PatchData.from_patches(patches, np.ones(n_samples, int))
    assert (data.n_samples, data.n_patches, data.patch_dim) == patches.shape
    assert data.n_patterns == n_samples * n_patches
    np.testing.assert_array_equal(data.patches(), patches)


def test_patches_are_gathered_from_the_dictionary():
    np.testing.assert_array_equal(make().patches(), np.eye(3)[INDICES])


def test_stored_types():
    data = make(positions=[0, 1, 0], spurious_positions=[1, 0, 1], spurious_signs=[1, 1, -1])
    assert (data.indices.dtype, data.labels.dtype) == (np.int32, np.int8)
    assert (data.positions.dtype, data.spurious_signs.dtype) == (np.int32, np.int8)
    assert make(dictionary=np.eye(3, dtype=np.float32)).dictionary.dtype == np.float32
    assert make(dictionary=np.eye(3, dtype=int)).dictionary.dtype == np.float64


def test_caller_cannot_change_it_through_what_was_given():
    dictionary, indices, labels = np.eye(3), INDICES.copy(), LABELS.copy()
    data = make(dictionary=dictionary, indices=indices, labels=labels)
    dictionary[:], indices[:], labels[:] = 7, 0, -1
    np.testing.assert_array_equal(data.patches(), np.eye(3)[INDICES])
    np.testing.assert_array_equal(data.labels, LABELS)


@pytest.mark.parametrize("name", ["dictionary", "indices", "labels", "positions"])
def test_arrays_are_read_only(name):
    with pytest.raises(ValueError, match="read-only"):
        getattr(make(positions=[0, 0, 1]), name)[...] = 0


def test_read_only_arrays_are_shared_not_copied():
    dictionary = np.eye(3)
    dictionary.flags.writeable = False
    assert np.shares_memory(make(dictionary=dictionary).dictionary, dictionary)


def test_subset_keeps_order_and_every_field():
    data = make(positions=[0, 1, 0], spurious_positions=[1, 0, 1], spurious_signs=[1, 1, -1])
    part = data.subset([2, 0])
    np.testing.assert_array_equal(part.indices, INDICES[[2, 0]])
    assert part.labels.tolist() == [1, 1]
    assert part.positions.tolist() == [0, 0]
    assert part.spurious_positions.tolist() == [1, 1]
    assert part.spurious_signs.tolist() == [-1, 1]
    assert np.shares_memory(part.dictionary, data.dictionary)


@pytest.mark.parametrize("rows", [[], [3], [-1], [[0]], [0.5]])
def test_bad_subset(rows):
    with pytest.raises(ValueError, match="rows"):
        make().subset(rows)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"dictionary": np.ones(3)}, "dictionary.shape must be (P, d) with P, d >= 1; got (3,)"),
        ({"dictionary": np.ones((0, 3))}, "dictionary.shape"),
        ({"dictionary": np.diag([1, np.nan, 1])}, "dictionary must be finite everywhere; got nan"),
        ({"indices": np.array([0, 1])}, "indices.shape must be (N, n)"),
        ({"indices": INDICES + 1}, "indices must be integers in [0, 2]; got 3"),
        ({"indices": INDICES - 1}, "indices must be integers in [0, 2]; got -1"),
        ({"indices": INDICES * 1.0}, "indices.dtype must be an integer type"),
        ({"labels": np.array([1, 0, 1])}, "labels must be +1 or -1 everywhere"),
        ({"labels": np.array([1, -1])}, "labels.shape must be (3,); got (2,)"),
        ({"positions": np.array([0, 2, 0])}, "positions must be integers in [0, 1]; got 2"),
        ({"spurious_positions": np.array([0, -1, 0])}, "spurious_positions must be integers"),
        ({"spurious_signs": np.array([1, 2, 1])}, "spurious_signs must be +1 or -1"),
        (
            {"image_shape": (2, 2)},
            "image_shape must be a height and a width >= 1",
        ),
    ],
)
def test_bad_fields(changes, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        make(**changes)


@pytest.mark.parametrize(
    "patches",
    [np.ones((2, 3)), np.ones((2, 0, 3)), np.full((2, 1, 1), np.inf), 1j * np.ones((2, 1, 1))],
)
def test_bad_raw_patches(patches):
    with pytest.raises(ValueError, match="patches"):
        PatchData.from_patches(patches, [1, -1])
