"""Digits from files: IDX, npz with names of ours or of Keras, what openml.org has; packing."""

import gzip
import re
from types import SimpleNamespace

import numpy as np
import pytest
import sklearn.datasets

from moe_theory.data import DigitPatches, pack_idx, read_idx

LABELS = np.uint8(np.arange(40) % 10)
IMAGES = np.random.default_rng(0).integers(0, 256, (40, 3, 2), dtype=np.uint8)
OTHERS = np.random.default_rng(1).integers(0, 256, (40, 3, 2), dtype=np.uint8)
IMAGES[0, 0, 0] = OTHERS[-1, 0, 0] = 255


def idx(array):
    sizes = b"".join(size.to_bytes(4, "big") for size in array.shape)
    return bytes([0, 0, 8, array.ndim]) + sizes + array.tobytes()


@pytest.fixture
def files(tmp_path):
    """Four IDX files, two of them gzipped."""
    contents = {"images": idx(IMAGES), "labels": gzip.compress(idx(LABELS), mtime=0)}
    contents |= {"test_images": gzip.compress(idx(OTHERS), mtime=0), "test_labels": idx(LABELS)}
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    return {name: tmp_path / name for name in contents}


def same(model, other):
    return all(
        np.array_equal(model.pools.images[split], other.pools.images[split])
        and all(map(np.array_equal, model.pools.rows[split], other.pools.rows[split]))
        for split in ("train", "test")
    )


WANTED = DigitPatches.from_arrays(IMAGES, LABELS, OTHERS, LABELS)


def test_idx(files):
    assert same(DigitPatches.from_idx(**files), WANTED)
    strings = {name: str(path) for name, path in files.items()}
    assert DigitPatches.from_idx(**strings, n_patches=3).n_patches == 3
    split = DigitPatches.from_idx(files["images"], files["labels"], test_fraction=0.25)
    assert same(split, DigitPatches.from_arrays(IMAGES, LABELS, test_fraction=0.25))


def test_home_is_found(files, monkeypatch):
    monkeypatch.setenv("HOME", str(files["images"].parent))
    np.testing.assert_array_equal(read_idx("~/images"), IMAGES)
    packed = pack_idx(*files.values(), "~/digits.npz")
    assert packed.path == files["images"].parent / "digits.npz"
    assert same(DigitPatches.from_npz("~/digits.npz"), WANTED)
    with pytest.raises(ValueError, match="path must be"):
        read_idx("~nobody-of-this-name/images")


CUT = gzip.compress(idx(IMAGES), mtime=0)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        *((CUT[:length], "a file that is whole and may be read") for length in (3, 12, 40, -9, -4)),
        (CUT[:60] + b"damage" + CUT[66:], "a file that is whole and may be read"),
        (b"", "an IDX file of unsigned bytes"),
        (b"\x00\x00\x08", "an IDX file of unsigned bytes"),
        (b"\x00\x00\x0d\x01" + bytes(8), "an IDX file of unsigned bytes"),
        (idx(IMAGES)[:-1], "an IDX file as long as its shape (40, 3, 2) says"),
        (idx(IMAGES) + b"0", "an IDX file as long as its shape (40, 3, 2) says"),
        (b"\x00\x00\x08\x03\x00\x00", "an IDX file with 3 sizes"),
        # The product of these sizes is 0 in 64 bits.
        (b"\x00\x00\x08\x04" + b"\x00\x01\x00\x00" * 4, "an IDX file as long as its shape"),
        (b"\x00\x00\x08\x00", "an IDX file with 1 sizes"),
    ],
)
def test_damaged_idx(tmp_path, content, message):
    path = tmp_path / "some-images"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=re.escape(f"path must be {message}")) as raised:
        read_idx(path)
    assert "some-images" in str(raised.value)


@pytest.mark.parametrize("read", [read_idx, DigitPatches.from_npz])
def test_paths_that_are_no_files(read, tmp_path):
    for path in (tmp_path, tmp_path / "nothing", "\0"):
        with pytest.raises(ValueError, match=r"path must be .* file that exists"):
            read(path)
    for path in (None, 3, b"bytes", IMAGES):
        with pytest.raises(TypeError, match="path must be a string or a path; got"):
            read(path)


def test_names_of_keras(tmp_path):
    path = tmp_path / "mnist.npz"
    np.savez(path, x_train=IMAGES, y_train=LABELS, x_test=OTHERS, y_test=LABELS)
    assert same(DigitPatches.from_npz(path), WANTED)
    np.savez(path, x_train=IMAGES[..., None], y_train=LABELS)
    assert same(DigitPatches.from_npz(path), DigitPatches.from_arrays(IMAGES, LABELS))


def test_npz_tells_what_white_is(tmp_path):
    path = tmp_path / "digits.npz"
    np.savez(path, images=IMAGES // 16, labels=LABELS, max_pixel=16)
    model = DigitPatches.from_npz(path)
    assert same(model, DigitPatches.from_arrays((IMAGES // 16) / 16, LABELS))
    # What is asked for is stronger than what the file says.
    assert model.pools.images["train"].max() == 15 / 16
    assert DigitPatches.from_npz(path, max_pixel=32).pools.images["train"].max() == 15 / 32
    np.savez(path, images=IMAGES // 16, labels=LABELS, max_pixel=[16, 16])
    with pytest.raises(ValueError, match="max_pixel must be a finite number"):
        DigitPatches.from_npz(path)


@pytest.mark.parametrize(
    "arrays",
    [
        {"images": IMAGES},
        {"images": IMAGES, "labels": LABELS, "sizes": LABELS},
        {"images": IMAGES, "labels": LABELS, "x_train": IMAGES},
        {"x_train": IMAGES, "y_test": LABELS},
        {},
    ],
)
def test_other_names_are_told(tmp_path, arrays):
    np.savez(tmp_path / "a.npz", **arrays)
    with pytest.raises(ValueError, match=r"path must be a file with images, labels and at most"):
        DigitPatches.from_npz(tmp_path / "a.npz")


def test_damaged_npz(tmp_path):
    path = tmp_path / "digits.npz"
    np.savez_compressed(path, images=IMAGES, labels=LABELS)
    whole = path.read_bytes()
    for damaged in (whole[:100], whole[:-30], b"", b"text", whole[:60] + b"damage" + whole[66:]):
        path.write_bytes(damaged)
        with pytest.raises(ValueError, match="path must be an npz file that can be read") as raised:
            DigitPatches.from_npz(path)
        assert "digits.npz" in str(raised.value)
    np.save(tmp_path / "images.npy", IMAGES)
    with pytest.raises(ValueError, match=r"npz file that can be read .it holds one array, as npy"):
        DigitPatches.from_npz(tmp_path / "images.npy")
    np.savez(path, images=IMAGES, labels=np.array([{}], dtype=object))
    with pytest.raises(ValueError, match="path must be an npz file that can be read"):
        DigitPatches.from_npz(path)


def test_packed_is_what_is_read(files, tmp_path):
    """The name written is the one given, whatever it ends with."""
    for name in ("digits.npz", "digits", "digits.data"):
        packed = pack_idx(*files.values(), tmp_path / name)
        assert str(packed) == f"{tmp_path / name}: 40 + 40 images"
        assert same(DigitPatches.from_npz(packed.path), WANTED)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(
        [*files, "digits.npz", "digits", "digits.data"]
    )


def test_packing_stores_arrays_only(files, tmp_path, monkeypatch):
    """NumPy 2.0 and 2.1 take every keyword for an array."""
    save, kept = np.savez_compressed, []
    monkeypatch.setattr(np, "savez_compressed", lambda f, **kw: (kept.extend(kw), save(f, **kw)))
    pack_idx(*files.values(), tmp_path / "digits.npz")
    assert kept == ["images", "labels", "test_images", "test_labels"]
    assert sorted(np.load(tmp_path / "digits.npz").files) == sorted(kept)


def test_packing_leaves_out_shared_images(files, tmp_path):
    others = OTHERS.copy()
    others[[2, 11]] = IMAGES[[30, 30]]
    files["test_images"].write_bytes(idx(others))
    packed = pack_idx(*files.values(), tmp_path / "digits.npz")
    assert (packed.n_train, packed.n_test, packed.n_shared) == (40, 38, 2)
    assert str(packed).endswith("left out 2 test images that are training images, too")
    kept = np.delete(np.arange(40), [2, 11])
    wanted = DigitPatches.from_arrays(IMAGES, LABELS, OTHERS[kept], LABELS[kept])
    assert same(DigitPatches.from_npz(packed.path), wanted)


def test_packing_keeps_what_white_is(files, tmp_path):
    for name, images in (("images", IMAGES), ("test_images", OTHERS)):
        files[name].write_bytes(idx(images // 16))
    with pytest.raises(ValueError, match="images must be uint8 up to 255, or max_pixel must"):
        pack_idx(*files.values(), tmp_path / "digits.npz")
    packed = pack_idx(*files.values(), tmp_path / "digits.npz", max_pixel=16)
    wanted = DigitPatches.from_arrays(IMAGES // 16, LABELS, OTHERS // 16, LABELS, max_pixel=16)
    assert same(DigitPatches.from_npz(packed.path), wanted)


def test_packing_that_fails_leaves_what_was_there(files, tmp_path, monkeypatch):
    target = tmp_path / "digits.npz"
    target.write_text("before")
    with pytest.raises(ValueError, match="npz must be another file than those to pack"):
        pack_idx(*files.values(), files["labels"])
    files["test_labels"].write_bytes(idx(LABELS[:7]))
    with pytest.raises(ValueError, match=r"test_labels.shape must be \(40,\)"):
        pack_idx(*files.values(), target)
    files["test_labels"].write_bytes(idx(LABELS))
    with pytest.raises(ValueError, match=r"npz must be a file that can be written .*No such file"):
        pack_idx(*files.values(), tmp_path / "nothing" / "digits.npz")

    def full(file, **arrays):
        file.write(b"half of it")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez_compressed", full)
    with pytest.raises(ValueError, match=r"npz must be a file that can be written .No space left"):
        pack_idx(*files.values(), target)
    assert target.read_text() == "before"
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([*files, "digits.npz"])


def fake_openml(monkeypatch, data, target):
    calls = []

    def fetch(name, **options):
        calls.append((name, options))
        return SimpleNamespace(data=data, target=target)

    monkeypatch.setattr(sklearn.datasets, "fetch_openml", fetch)
    return calls


def test_openml(monkeypatch):
    pixels = np.random.default_rng(0).integers(0, 256, (40, 25)).astype(float)
    calls = fake_openml(monkeypatch, pixels, (np.arange(40) % 10).astype(str).astype(object))
    model = DigitPatches.from_openml("tiny", 3, n_patches=4, test_fraction=0.25)
    assert calls[0][0] == "tiny"
    assert (calls[0][1]["version"], calls[0][1]["as_frame"]) == (3, False)
    assert model.pools.image_shape == (5, 5)
    assert [len(model.rows("test", k)) for k in range(10)] == [1] * 10
    found = np.concatenate(list(model.pools.images.values()))
    np.testing.assert_allclose(np.sort(found.sum(1)), np.sort(pixels.sum(1) / 255), rtol=1e-5)


def test_openml_asks_what_white_is(monkeypatch):
    pixels = np.random.default_rng(0).integers(0, 17, (40, 25)).astype(float)
    fake_openml(monkeypatch, pixels, np.arange(40) % 10)
    with pytest.raises(ValueError, match="images must be uint8 up to 255, or max_pixel must say"):
        DigitPatches.from_openml("faint")
    model = DigitPatches.from_openml("faint", max_pixel=16, n_patches=4)
    assert model.pools.images["train"].max() == 1
    fake_openml(monkeypatch, pixels, np.array(["seven"] * 40))
    with pytest.raises(ValueError, match="name must be a set whose labels are numbers; got"):
        DigitPatches.from_openml("words", max_pixel=16)


def test_openml_refuses_other_data_and_checks_options_before_fetching(monkeypatch):
    calls = fake_openml(monkeypatch, np.zeros((40, 24)), np.arange(40) % 10)
    with pytest.raises(ValueError, match="name must be a set of square images, not of 24 pixels"):
        DigitPatches.from_openml()
    with pytest.raises(ValueError, match="n_patches must be an integer >= 1; got 0"):
        DigitPatches.from_openml(n_patches=0)
    assert len(calls) == 1
