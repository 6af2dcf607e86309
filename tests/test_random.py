"""Normal draws whose last bits no C library decides."""

import numpy as np

from moe_theory._random import normals, stream


def test_normals_are_those_of_numpy_in_single_precision():
    drawn = normals(stream(0, "a"), (300, 40))
    np.testing.assert_array_equal(drawn, np.float32(stream(0, "a").standard_normal((300, 40))))
    assert drawn.dtype == np.float64
    assert normals(stream(0, "a"), 3).shape == (3,)
