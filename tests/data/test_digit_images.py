"""Images as users have them: their scale, their shapes, and what makes an array."""

import re
from types import SimpleNamespace

import numpy as np
import pytest

from moe_theory.data import DigitPatches

LABELS = np.arange(40) % 10
BYTES = np.random.default_rng(0).integers(0, 256, (40, 3, 4), dtype=np.uint8)
BYTES[0, 0, 0] = 255
PIXELS = np.float32(BYTES) / np.float32(255)


class Tensor:
    """What converts by the array protocol alone, as tensors and data frames do."""

    def __init__(self, values):
        self.values = values

    def __array__(self, dtype=None, copy=None):
        return np.array(self.values, dtype=dtype)


class Elsewhere:
    """A tensor on another device."""

    def __array__(self, dtype=None, copy=None):
        raise RuntimeError("it is on cuda:0")


def found(model):
    """All pixels of both pools, sorted by image."""
    rows = np.concatenate(list(model.pools.images.values()))
    return rows[np.lexsort(rows.T)]


def expected(pixels):
    rows = np.float32(pixels).reshape(40, -1)
    return rows[np.lexsort(rows.T)]


@pytest.mark.parametrize(
    ("images", "options", "pixels"),
    [
        (BYTES, {}, PIXELS),
        (BYTES, {"max_pixel": 255}, PIXELS),
        (BYTES.astype(np.int64), {"max_pixel": 255}, PIXELS),
        (BYTES.astype(np.float64), {"max_pixel": 255}, PIXELS),
        (BYTES.astype(np.float16), {"max_pixel": 255}, PIXELS),
        (BYTES // 16, {"max_pixel": 16}, (BYTES // 16) / 16),
        (BYTES // 128, {"max_pixel": 1}, BYTES // 128),
        (BYTES > 127, {}, BYTES // 128),
        (np.uint16(BYTES) * 257, {"max_pixel": 65535}, PIXELS),
        (PIXELS.astype(float) * 1e200, {"max_pixel": 1e200}, PIXELS),
        (BYTES // 2, {"max_pixel": 255}, np.float32(BYTES // 2) / np.float32(255)),
    ],
)
def test_pixels_are_divided_by_what_white_is(images, options, pixels):
    model = DigitPatches.from_arrays(images, LABELS, **options)
    np.testing.assert_allclose(found(model), expected(pixels), rtol=2e-7)
    assert model.pools.images["train"].dtype == np.float32


@pytest.mark.parametrize("largest", [0, 1, 16, 127, 254])
@pytest.mark.parametrize("which", ["images", "test_images"])
def test_bytes_that_do_not_reach_white_ask_for_it(largest, which):
    """Binarised images, or those from 0 to 16, are no MNIST of faint digits."""
    arrays = {"images": BYTES, "test_images": 255 - BYTES, which: np.minimum(BYTES, largest)}
    message = f"{which} must be uint8 up to 255, or max_pixel .*; got 'values up to {largest}'"
    with pytest.raises(ValueError, match=message):
        DigitPatches.from_arrays(**arrays, labels=LABELS, test_labels=LABELS)


@pytest.mark.parametrize(
    ("images", "max_pixel", "message"),
    [
        (BYTES, 100, "images must be in [0, 100]; got"),
        (BYTES.astype(int) - 1, 255, "images must be in [0, 255]; got -1"),
        (
            BYTES.astype(int),
            None,
            "images.dtype must be uint8, floating or bool, or max_pixel",
        ),
        (BYTES, 0, "max_pixel must be a finite number in (0, inf); got 0"),
        (BYTES, np.nan, "max_pixel must be a finite number"),
        (BYTES, "white", "max_pixel must be a finite number"),
        (1j * PIXELS, None, "images.dtype must be uint8, floating or bool; got dtype('complex64')"),
        (
            PIXELS.astype(object),
            None,
            "images.dtype must be uint8, floating or bool; got dtype('O",
        ),
        (PIXELS.astype(str), None, "images.dtype must be uint8, floating or bool; got dtype('<U"),
        (np.ma.masked_less(PIXELS, 0.5), None, "images must have no masked entries; got"),
    ],
)
def test_bad_pixels(images, max_pixel, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        DigitPatches.from_arrays(images, LABELS, max_pixel=max_pixel)


@pytest.mark.parametrize(
    ("images", "options"),
    [
        (BYTES[..., None], {}),
        (BYTES[:, None], {}),
        (BYTES.reshape(40, 12), {"image_shape": (3, 4)}),
        (BYTES, {"image_shape": [3, 4]}),
        (Tensor(BYTES), {}),
        (Tensor(BYTES[:, None]), {}),
        (Tensor(BYTES.reshape(40, 12)), {"image_shape": (3, 4)}),
        ([Tensor(image) for image in BYTES], {}),
        (tuple(BYTES), {}),
        (np.asfortranarray(BYTES), {}),
        (np.asfortranarray(BYTES.reshape(40, 12)), {"image_shape": (3, 4)}),
        (np.repeat(BYTES.reshape(40, 12), 2, axis=1)[:, ::2], {"image_shape": (3, 4)}),
        (np.ma.array(BYTES, mask=False), {}),
        (memoryview(BYTES), {}),
    ],
)
def test_shapes_and_arrays_of_other_libraries(images, options):
    model = DigitPatches.from_arrays(images, Tensor(LABELS), **options)
    assert model.pools.image_shape == (3, 4)
    np.testing.assert_array_equal(found(model), expected(PIXELS))
    column = DigitPatches.from_arrays(images, Tensor(LABELS[:, None]), **options)
    np.testing.assert_array_equal(column.sample(20, 0).patches(), model.sample(20, 0).patches())
    plain = DigitPatches.from_arrays(BYTES, LABELS).sample(20, 0)
    np.testing.assert_array_equal(model.sample(20, 0).patches(), plain.patches())


def test_data_frames():
    """As OpenML and csv files give them: one row for each image, one column for each pixel."""
    pandas = pytest.importorskip("pandas")
    frame, labels = pandas.DataFrame(BYTES.reshape(40, 12)), pandas.Series(LABELS)
    model = DigitPatches.from_arrays(frame, labels, image_shape=(3, 4))
    plain = DigitPatches.from_arrays(BYTES, LABELS).sample(20, 0)
    np.testing.assert_array_equal(model.sample(20, 0).patches(), plain.patches())


@pytest.mark.parametrize(
    ("images", "image_shape", "message"),
    [
        (
            BYTES.reshape(40, 12),
            None,
            "images.shape must be (M, h, w), (M, h, w, 1) or (M, 1, h, w)",
        ),
        (
            BYTES.reshape(40, 12),
            (4, 4),
            "image_shape must be a height and a width >= 1 whose",
        ),
        (BYTES.reshape(40, 12), 12, "image_shape must be a height and a width"),
        (BYTES.reshape(40, 12), (3.0, 4.0), "image_shape must be an integer >= 1; got 3.0"),
        (BYTES, (4, 3), "image_shape must be (3, 4), as images have it; got (4, 3)"),
        (np.repeat(BYTES[..., None], 3, axis=3), None, "images.shape must be (M, h, w)"),
        (BYTES[:, :0], None, "images.shape must be (M, h, w)"),
        ([*BYTES[:39], PIXELS[39]], None, "images must be images of one type of numbers; got"),
        ([[[1, 2], [3]]] * 40, None, "images[0] must be an array, or make one; NumPy says:"),
        (
            SimpleNamespace(),
            None,
            "images must be an array or a sequence of arrays; got namespace",
        ),
        ("digits", None, "images must be an array or a sequence of arrays; got 'digits'"),
        ({1, 2}, None, "images must be an array or a sequence of arrays; got {1, 2}"),
    ],
)
def test_bad_shapes(images, image_shape, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        DigitPatches.from_arrays(images, LABELS, image_shape=image_shape)


def test_what_makes_no_array_is_named():
    with pytest.raises(TypeError, match="images must be an array, or make one; Elsewhere says"):
        DigitPatches.from_arrays(Elsewhere(), LABELS)
    with pytest.raises(TypeError, match="labels must be an array, or make one; Elsewhere says"):
        DigitPatches.from_arrays(BYTES, Elsewhere())
    with pytest.raises(ValueError, match=r"labels.shape must be \(40,\), one for each image"):
        DigitPatches.from_arrays(BYTES, None)
    with pytest.raises(ValueError, match=r"labels must have no masked entries; got 1 of them"):
        DigitPatches.from_arrays(BYTES, np.ma.array(LABELS, mask=np.arange(40) == 3))


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("shape", [(40, 1, 12), (40, 12, 1), (40, 12)])
def test_equal_images_are_found_in_any_order(order, shape):
    images = np.array(np.repeat(BYTES[:20], 2, axis=0).reshape(shape), order=order)
    options = {"image_shape": (3, 4)} if len(shape) == 2 else {}
    model = DigitPatches.from_arrays(images, np.repeat(LABELS[:20], 2), **options)
    train, test = ({row.tobytes() for row in model.pools.images[k]} for k in ("train", "test"))
    assert not train & test
    assert len(train) + len(test) == 20
