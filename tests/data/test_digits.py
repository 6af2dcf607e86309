import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from sklearn.datasets import load_digits

from moe_theory.data import DigitPatches


def pictures(count, height=3, width=4, seed=0):
    return np.random.default_rng(seed).random((count, height, width))


IMAGES, LABELS = pictures(60), np.arange(60) % 10


def shown(data, images, labels):
    """Digit at each place of each input, found by comparing pixels."""
    labels_of = {np.float32(image).tobytes(): k for image, k in zip(images, labels, strict=True)}
    return np.array([[labels_of[patch.tobytes()] for patch in x] for x in data.patches()])


def pool_keys(model, split):
    return [image.tobytes() for image in model.pools.images[split]]


def test_published_construction_on_the_bundled_digits():
    bundled = load_digits()
    model = DigitPatches()
    assert (model.n_patches, model.patch_dim) == (16, 64)
    for split in ("train", "test"):
        data = model.sample(300, 0, split=split)
        digits = shown(data, bundled.images / 16, bundled.target)
        told = digits[np.arange(300), data.positions]
        np.testing.assert_array_equal(told, np.where(data.labels > 0, 1, 0))
        assert ((digits >= 2).sum(axis=1) == 15).all()
        assert data.labels.sum() == 0
        assert data.image_shape == (8, 8)
        assert data.dictionary.dtype == np.float32
        assert (data.dictionary.min(), data.dictionary.max()) == (0, 1)


def test_images_are_drawn_uniformly_from_the_pool():
    model = DigitPatches(n_patches=6)
    data = model.sample(4000, 3)
    is_told = np.arange(6) == data.positions[:, None]
    for rows, drawn in (
        (model.rows("train", 1), data.indices[is_told & (data.labels == 1)[:, None]]),
        (model.rows("train", 0), data.indices[is_told & (data.labels == -1)[:, None]]),
        (model.rows("train", *range(2, 10)), data.indices[~is_told]),
    ):
        counts = np.bincount(drawn, minlength=len(model.pools.images["train"]))
        assert counts.sum() == counts[rows].sum()
        assert stats.chisquare(counts[rows]).pvalue > 1e-6


def test_pool_is_shared_and_read_only():
    model = DigitPatches()
    data = model.sample(2, 0)
    assert np.shares_memory(data.dictionary, model.pools.images["train"])
    with pytest.raises(ValueError, match="read-only"):
        model.pools.images["train"][0, 0] = 1


@given(fraction=st.floats(0.2, 0.8), seed=st.integers(0, 5))
def test_split_is_stratified_and_complete(fraction, seed):
    model = DigitPatches.from_arrays(IMAGES, LABELS, test_fraction=fraction, split_seed=seed)
    assert [len(model.rows("test", k)) for k in range(10)] == [round(6 * fraction)] * 10
    keys = pool_keys(model, "train") + pool_keys(model, "test")
    assert sorted(keys) == sorted(image.tobytes() for image in np.float32(IMAGES))


def test_split_seed_chooses_the_split():
    splits = [DigitPatches(split_seed=seed).pools.images["train"] for seed in (0, 0, 1)]
    np.testing.assert_array_equal(splits[0], splits[1])
    assert not np.array_equal(splits[0], splits[2])


@given(seed=st.integers(0, 30), copies=st.integers(2, 4))
def test_equal_images_stay_on_one_side(seed, copies):
    images = np.concatenate([IMAGES] + [IMAGES[:30]] * (copies - 1))
    labels = np.concatenate([LABELS] + [LABELS[:30]] * (copies - 1))
    model = DigitPatches.from_arrays(images, labels, split_seed=seed)
    train, test = (pool_keys(model, split) for split in ("train", "test"))
    assert not set(train) & set(test)
    assert len(train) + len(test) == len(images)
    for k in range(10):
        size = 6 + 3 * (copies - 1)
        assert abs(len(model.rows("test", k)) - round(size / 2)) <= copies / 2


def test_negative_zero_is_the_same_pixel():
    images, others = IMAGES.copy(), IMAGES.copy()
    images[:, 0, 0], others[:, 0, 0] = 0.0, -0.0
    with pytest.raises(ValueError, match="test_images must have images that are not among images"):
        DigitPatches.from_arrays(images, LABELS, others, LABELS)


def test_own_test_images_form_the_test_pool():
    other = pictures(20, seed=1)
    model = DigitPatches.from_arrays(IMAGES, LABELS, other, np.arange(20) % 10, n_patches=3)
    np.testing.assert_array_equal(model.pools.images["train"], np.float32(IMAGES).reshape(60, 12))
    np.testing.assert_array_equal(model.pools.images["test"], np.float32(other).reshape(20, 12))
    assert model.sample(4, 0, split="test").image_shape == (3, 4)


def test_shared_images_are_named_and_left_out():
    other = pictures(30, seed=1)
    other[[3, 5]] = IMAGES[[7, 8]]
    other[9] = IMAGES[7]
    with pytest.warns(UserWarning, match=r"3 of test_images are among .*: numbers 3, 5, 9$"):
        model = DigitPatches.from_arrays(IMAGES, LABELS, other, np.arange(30) % 10)
    np.testing.assert_array_equal(
        model.pools.images["test"], np.float32(np.delete(other, [3, 5, 9], axis=0)).reshape(27, 12)
    )
    assert len(model.pools.images["train"]) == 60
    assert [len(model.rows("test", k)) for k in (3, 4, 5, 9)] == [2, 3, 2, 2]


def test_single_patch_needs_no_irrelevant_digits():
    images, labels = IMAGES[LABELS < 2], LABELS[LABELS < 2]
    model = DigitPatches.from_arrays(images, labels, n_patches=1, irrelevant_digits=())
    data = model.sample(9, 0)
    np.testing.assert_array_equal(shown(data, images, labels)[:, 0], data.labels > 0)


def test_other_digits_may_tell_the_label():
    model = DigitPatches(
        n_patches=3, positive_digit=7, negative_digit=4, irrelevant_digits=[1], balanced=False
    )
    bundled = load_digits()
    data = model.sample(50, 0)
    digits = shown(data, bundled.images / 16, bundled.target)
    np.testing.assert_array_equal(np.sort(digits)[:, :2], 1)
    np.testing.assert_array_equal(digits.max(axis=1), np.where(data.labels > 0, 7, 4))


def test_rows_of_no_pool_or_digit():
    model = DigitPatches()
    for arguments, message in (
        (("valid", 1), "split must be one of 'train', 'test'; got 'valid'"),
        (("train", 10), r"digits must be an integer in \[0, 9\]; got 10"),
        (("train", -1), r"digits must be an integer in \[0, 9\]; got -1"),
        (("train",), "digits must be at least one digit"),
    ):
        with pytest.raises(ValueError, match=message):
            model.rows(*arguments)
    with pytest.raises(TypeError, match="pools must be made by from_arrays"):
        DigitPatches(pools={"train": IMAGES})


def test_repr_tells_sizes():
    assert "pools=DigitPools(8x8 pixels, train=899, test=898)" in repr(DigitPatches())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"n_patches": 0}, "n_patches must be an integer >= 1; got 0"),
        ({"positive_digit": 10}, "positive_digit must be an integer in [0, 9]; got 10"),
        ({"negative_digit": 1}, "negative_digit must be another than positive_digit = 1; got 1"),
        ({"irrelevant_digits": (1, 2)}, "irrelevant_digits must be a tuple of different digits"),
        ({"irrelevant_digits": (2, 2)}, "irrelevant_digits must be a tuple of different digits"),
        ({"irrelevant_digits": 2}, "irrelevant_digits must be a tuple of different digits"),
        ({"irrelevant_digits": (2, 11)}, "irrelevant_digits must be an integer in [0, 9]; got 11"),
        ({"irrelevant_digits": ()}, "irrelevant_digits must be at least one digit where n_patches"),
        ({"balanced": "yes"}, "balanced must be True or False; got 'yes'"),
        ({"positive_fraction": 1.0}, "positive_fraction must be a finite number in (0, 1)"),
        ({"test_fraction": 0}, "test_fraction must be a finite number in (0, 1); got 0"),
        ({"test_fraction": 1e-4}, "the test pool must have an image of each digit; no 1"),
        ({"split_seed": -1}, "split_seed must be an integer >= 0; got -1"),
        ({"n_patches": 2**70}, "n_patches must be at most 2147483647; got 11805"),
    ],
)
def test_bad_fields(changes, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        DigitPatches(**changes)


OTHER = {"test_images": pictures(20, seed=1), "test_labels": np.arange(20) % 10}
SPOILED = IMAGES.copy()
SPOILED[3, 1, 2] = np.nan


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"images": [*IMAGES[:59], np.zeros((3, 5))]}, "images must be images of one size; got"),
        ({"images": IMAGES.reshape(60, 12)}, "images.shape must be (M, h, w)"),
        ({"images": IMAGES[:0]}, "images.shape must be (M, h, w)"),
        ({"images": 3}, "images must be an array or a sequence of arrays; got 3"),
        ({"images": IMAGES * 16}, "images must be in [0, 1], or of type uint8, or max_pixel must"),
        ({"images": -IMAGES}, "images must be in [0, 1], or of type uint8, or max_pixel must"),
        ({"images": SPOILED}, "images must be finite everywhere; got nan at index (3, 1, 2)"),
        ({"images": IMAGES * 1e300}, "images must be in [0, 1]"),
        (
            {"images": IMAGES.astype(int)},
            "images.dtype must be uint8, floating or bool, or max_pixel must say what white is",
        ),
        ({"labels": LABELS[:59]}, "labels.shape must be (60,), one for each image; got (59,)"),
        ({"labels": LABELS * 1.0}, "labels.dtype must be an integer type; got dtype('float64')"),
        ({"labels": LABELS + 1}, "labels must be integers in [0, 9]; got 10"),
        ({"labels": LABELS - 1}, "labels must be integers in [0, 9]; got -1"),
        ({"labels": np.where(LABELS == 5, 6, LABELS)}, "the train pool must have an image of each"),
        ({"labels": LABELS % 10, "test_labels": LABELS}, "test_labels must be left out where"),
        (OTHER | {"test_labels": None}, "test_labels.shape must be (20,), one for each image"),
        (OTHER | {"test_labels": np.arange(20) % 9}, "the test pool must have an image of each"),
        (OTHER | {"test_images": pictures(20, 4, 4)}, "test_images must be of the size (3, 4)"),
        (OTHER | {"test_fraction": 0.5}, "test_fraction must be left out where test_images are"),
        (OTHER | {"split_seed": 1}, "split_seed must be left out where test_images are given"),
        ({"n_patches": 0}, "n_patches must be an integer >= 1; got 0"),
    ],
)
def test_bad_arrays(changes, message):
    arguments = {"images": IMAGES, "labels": LABELS} | changes
    with pytest.raises(ValueError, match=re.escape(message)):
        DigitPatches.from_arrays(**arguments)


def test_missing_digit_is_named():
    with pytest.raises(ValueError, match="the train pool must have an image of each digit; no 5"):
        DigitPatches.from_arrays(IMAGES, np.where(LABELS == 5, 6, LABELS))
    with pytest.raises(ValueError, match="the test pool must have an image of each digit; no 9"):
        DigitPatches.from_arrays(IMAGES, LABELS, OTHER["test_images"], np.arange(20) % 9)
