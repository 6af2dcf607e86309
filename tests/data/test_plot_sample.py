import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from moe_theory.data import ClusterSignal, DigitPatches, PatchData, PatchPatterns, SpuriousPatch
from moe_theory.plotting import plot_sample

DIGITS = SpuriousPatch(DigitPatches(n_patches=7), 0.5).sample(20, 0)
VECTORS = SpuriousPatch(PatchPatterns(6, 8, 12), 0.5).sample(20, 0)


def frames(ax):
    return [patch.get_xy() for patch in ax.patches if isinstance(patch, Rectangle)]


@pytest.mark.parametrize("index", range(0, 20, 5))
def test_frames_stand_on_the_patches_they_name(index):
    ax = plot_sample(DIGITS, index)
    places = (DIGITS.positions[index], DIGITS.spurious_positions[index])
    assert frames(ax) == [(place % 3, place // 3) for place in places]
    ax = plot_sample(VECTORS, index)
    assert frames(ax) == [
        (0, VECTORS.positions[index]),
        (0, VECTORS.spurious_positions[index]),
    ]


def test_vector_patches_are_the_rows_of_the_heat_map():
    (image,) = plot_sample(VECTORS, 3).images
    np.testing.assert_array_equal(image.get_array(), VECTORS.patches()[3])


def test_image_patches_stand_in_reading_order():
    (image,) = plot_sample(DIGITS, 3).images
    mosaic = np.ma.filled(image.get_array(), np.nan)
    height, width = mosaic.shape[0] // 3, mosaic.shape[1] // 3
    for place, patch in enumerate(DIGITS.patches()[3]):
        row, column = divmod(place, 3)
        cell = mosaic[row * height : (row + 1) * height, column * width : (column + 1) * width]
        np.testing.assert_array_equal(cell[~np.isnan(cell)], patch)
    assert np.isnan(mosaic[2 * height :, width:]).all()


def test_words():
    for index in range(20):
        ax = plot_sample(DIGITS, index)
        label, sign = DIGITS.labels[index], DIGITS.spurious_signs[index]
        assert ax.get_title().endswith("y = +1" if label > 0 else "y = −1")
        assert ax.get_xlabel()
        assert ax.get_ylabel()
        words = [text.get_text() for text in ax.get_legend().get_texts()]
        verdict = "agrees" if label == sign else "disagrees"
        speaks_for = "+1" if sign > 0 else "−1"
        assert words == [
            "discriminative patch",
            f"spurious patch, speaks for {speaks_for}: {verdict}",
        ]


def test_clusters_are_told_with_the_places_of_centre_and_feature_noise():
    data = ClusterSignal().sample(20, 0)
    for index in range(20):
        ax = plot_sample(data, index)
        assert ax.get_title().endswith(f", cluster {data.clusters[index]}")
        named = data.positions, data.centre_positions, data.feature_noise_positions
        assert frames(ax) == [(0, places[index]) for places in named]
        words = [text.get_text() for text in ax.get_legend().get_texts()]
        assert words == ["discriminative patch", "centre patch", "feature noise patch"]


@pytest.mark.parametrize("data", [DIGITS, VECTORS], ids=["images", "vectors"])
def test_draws_into_given_axes_and_saves(data, tmp_path):
    figure = Figure()
    ax = figure.add_subplot()
    assert plot_sample(data, ax=ax) is ax
    figure.savefig(tmp_path / "sample.png")
    assert (tmp_path / "sample.png").stat().st_size > 1000


def test_unknown_places_draw_no_frame():
    data = PatchData.from_patches(np.zeros((2, 3, 4)), [1, -1])
    ax = plot_sample(data)
    assert frames(ax) == []
    assert ax.get_legend() is None


@pytest.mark.parametrize("index", [-1, 20, 0.5])
def test_bad_index(index):
    with pytest.raises(ValueError, match=r"index must be an integer in \[0, 19\]"):
        plot_sample(DIGITS, index)
