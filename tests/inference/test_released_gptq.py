"""GPTQ as P26's copy of it rounds, against a second writing."""

import numpy as np
import pytest

from moe_theory.inference import QUANTIZERS, Quantizer


def released_by_hand(weights, bits, low, step, moments):
    """GPTQ in its own terms, block after block; up to 3 bits nothing is passed on within one."""
    damping = 0.01 * np.trace(moments) / len(moments)
    upper = np.linalg.cholesky(np.linalg.inv(moments + damping * np.eye(len(moments)))).T
    left, rounded = weights.copy(), np.empty_like(weights)
    for first in range(0, weights.shape[1], 128):
        last = min(first + 128, weights.shape[1])
        block, errors = left[:, first:last].copy(), np.empty((len(weights), last - first))
        for i in range(last - first):
            column = block[:, i]
            level = np.clip(np.round((column - low) / step), 0, 2**bits - 1)
            rounded[:, first + i] = low + level * step
            errors[:, i] = (column - rounded[:, first + i]) / upper[first + i, first + i]
            if bits > 3:
                block[:, i:] -= np.outer(errors[:, i], upper[first + i, first + i : last])
        left[:, last:] -= errors @ upper[first:last, last:]
    return rounded


@pytest.mark.parametrize("bits", [1, 3, 4])
@pytest.mark.parametrize("dim", [40, 128, 200, 300])
def test_released_compensation_by_hand(dim, bits):
    rng = np.random.default_rng(dim)
    weights = rng.normal(size=(3, dim))
    inputs = rng.normal(size=(60, dim)) + 2 * rng.normal(size=(60, 1))
    moments = inputs.T @ inputs / 60
    found = QUANTIZERS["gptq_released"].apply(weights, bits, moments)
    low, step = Quantizer(scale="least_squares").grids(weights, bits)
    expected = released_by_hand(weights, bits, low[:, 0], step[:, 0], moments)
    np.testing.assert_allclose(found, expected, atol=1e-9)
    whole = QUANTIZERS["gptq"].apply(weights, bits, moments)
    plain = QUANTIZERS["least_squares"].apply(weights, bits)
    np.testing.assert_allclose(found[:, :128], (whole if bits > 3 else plain)[:, :128], atol=1e-9)
    assert np.allclose(found, whole) == (bits > 3)
    assert np.allclose(found, plain) == (bits <= 3 and dim <= 128)
