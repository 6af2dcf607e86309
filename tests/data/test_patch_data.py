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


FULL = {
    "positions": [0, 1, 0],
    "spurious_positions": [1, 0, 1],
    "spurious_signs": [1, 1, -1],
    "tasks": [4, 0, 2],
    "clusters": [0, 3, 3],
}


@pytest.mark.parametrize(
    ("rows", "numbers"),
    [
        (slice(1), [0]),
        (slice(1, None), [1, 2]),
        (slice(None, None, -2), [2, 0]),
        (slice(-1, None), [2]),
        (slice(5), [0, 1, 2]),
        (np.array([True, False, True]), [0, 2]),
        ([False, False, True], [2]),
        ([2, 0, 0], [2, 0, 0]),
        (range(2), [0, 1]),
        (np.uint8([1]), [1]),
    ],
)
def test_slices_masks_and_numbers(rows, numbers):
    data = make(**FULL)
    assert len(data) == 3
    for part in (data[rows], data.subset(rows)):
        assert len(part) == part.n_samples == len(numbers)
        for name in ("indices", "labels", *FULL):
            np.testing.assert_array_equal(getattr(part, name), getattr(data, name)[numbers])
            assert not getattr(part, name).flags.writeable
        assert np.shares_memory(part.dictionary, data.dictionary)


def test_slices_share_memory():
    data = make()
    assert np.shares_memory(data[1:].indices, data.indices)
    assert np.shares_memory(data[1:].labels, data.labels)


@pytest.mark.parametrize(
    "rows",
    [[], [3], [-1], [[0]], [0.5], slice(3, None), slice(2, 1), [False] * 3, [True] * 2,
     [[True] * 3], np.array([1 + 0j]), np.array([None]), ["a"], np.ma.array([0, 1], mask=[0, 1])],
)  # fmt: skip
def test_bad_rows(rows):
    for choose in (make().subset, make().__getitem__):
        with pytest.raises(ValueError, match="rows"):
            choose(rows)


@pytest.mark.parametrize("rows", [0, -1, None, "a", 0.5, {0}, np.int64(1), slice(0.5), slice("a")])
def test_wrong_rows(rows):
    for choose in (make().subset, make().__getitem__):
        with pytest.raises(TypeError, match="rows must be a slice"):
            choose(rows)


def test_is_no_array_and_no_sequence():
    data = make()
    assert data
    with pytest.raises(TypeError, match="not iterable"):
        iter(data)
    with pytest.raises(TypeError, match="dictionary must be an array, or make one; PatchData says"):
        make(dictionary=data)


class Tensor:
    def __init__(self, values):
        self.values = values

    def __array__(self, dtype=None, copy=None):
        return np.array(self.values, dtype=dtype)


class Elsewhere:
    def __array__(self, dtype=None, copy=None):
        raise RuntimeError("it is on cuda:0")


def test_arrays_of_other_libraries():
    data = make(dictionary=Tensor(np.eye(3)), indices=Tensor(INDICES), labels=Tensor(LABELS))
    np.testing.assert_array_equal(data.patches(), make().patches())
    listed = make(dictionary=np.eye(3).tolist(), indices=INDICES.tolist(), labels=[1.0, -1.0, 1])
    np.testing.assert_array_equal(listed.patches(), make().patches())
    raw = PatchData.from_patches(Tensor(make().patches()), Tensor(LABELS), Tensor([0, 1, 0]))
    np.testing.assert_array_equal(raw.patches(), make().patches())


@pytest.mark.parametrize("name", ["dictionary", "indices", "labels", *FULL])
@pytest.mark.parametrize(
    "spoil",
    [
        lambda array: array * (1 + 0j),
        lambda array: array.astype(object),
        lambda array: array.astype(str),
        lambda array: array.astype("timedelta64[s]"),
        lambda array: array > 0,
        lambda array: np.ma.array(array, mask=np.arange(array.size).reshape(array.shape) == 1),
        lambda array: [*array[:-1].tolist(), [1] * 7],
        lambda array: array[None],
        lambda array: array[:0],
        lambda array: "abc",
        lambda array: {"a": 1},
        lambda array: array + 2**62,
        lambda array: np.where(array == array.flat[0], np.nan, array),
    ],
)
def test_every_array_is_checked(name, spoil):
    """Whatever is wrong with an array is told by its name, before NumPy says something else."""
    fields = {"dictionary": np.eye(3), "indices": INDICES, "labels": LABELS}
    fields |= {key: np.array(value) for key, value in FULL.items()}
    spoilt = spoil(fields[name])
    if type(spoilt) is np.ndarray and (spoilt.shape, spoilt.dtype) == ((3, 3), np.float64):
        spoilt = np.where(np.isnan(spoilt), np.nan, np.inf)  # any finite number is a pattern
    with pytest.raises(ValueError, match=name):
        PatchData(**{**fields, name: spoilt})
    with pytest.raises(TypeError, match=f"{name} must be an array, or make one; Elsewhere says"):
        PatchData(**{**fields, name: Elsewhere()})


def test_numbers_too_large_for_double_precision():
    largest = np.longdouble(np.finfo(np.float64).max) * 2
    if not np.isfinite(largest):
        pytest.skip("long doubles are doubles here")
    with pytest.raises(ValueError, match="dictionary must be finite everywhere; got inf"):
        make(dictionary=np.eye(3, dtype=np.longdouble) * largest)


def test_more_than_32_bits_count():
    """Views of one number, so that nothing large is made."""
    many = np.broadcast_to(np.zeros((1, 1), np.int8), (2**31, 1))
    with pytest.raises(ValueError, match=r"indices.shape must be \(N, n\) with N, n <= 2147483647"):
        make(indices=many)
    patches = np.broadcast_to(np.zeros((1, 1, 1), np.int8), (2**16, 2**15, 1))
    with pytest.raises(ValueError, match=r"patches.shape must be .* with N·n <= 2147483647"):
        PatchData.from_patches(patches, [1])


def test_patches_that_do_not_fit_into_memory():
    n_samples, d = 10**6, 10**6
    indices = np.zeros((n_samples, 10), np.int32)
    data = PatchData(np.ones((1, d)), indices, np.ones(n_samples))
    with pytest.raises(ValueError, match=r"n_samples must be such that .* fits into .* of memory"):
        data.patches()


@pytest.mark.parametrize("shape", [3, None, (3,), (1, 3, 1), (0, 3), (-1, -3), (1.0, 3.0), "13"])
def test_bad_image_shape(shape):
    if shape is None:
        assert make(image_shape=shape).image_shape is None
        return
    with pytest.raises(ValueError, match="image_shape must be"):
        make(image_shape=shape)
    assert make(image_shape=[1, 3]).image_shape == (1, 3)


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
        ({"clusters": np.array([0, -1, 1])}, "clusters must be integers in [0, 2147483647]; got"),
        ({"clusters": np.array([0, 1])}, "clusters.shape must be (3,); got (2,)"),
        ({"centre_positions": [0, 2, 1]}, "centre_positions must be integers in [0, 1]; got 2"),
        ({"feature_noise_positions": [0.0, 1, 1]}, "feature_noise_positions.dtype must be an"),
        (
            {"positions": [0, 1, 0], "centre_positions": [1, 1, 1]},
            "centre_positions[1] must be another place than that of the discriminative patch; got",
        ),
        (
            {"centre_positions": [0, 1, 0], "feature_noise_positions": [1, 0, 0]},
            "feature_noise_positions[2] must be another place than that of the centre patch; got 0",
        ),
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
