"""Our own exponential and logarithms against mpmath's, at 1 ulp."""

import mpmath
import numba
import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from moe_theory.kernels.bits import bits_of, fma, from_bits
from moe_theory.kernels.elementary import exp, log, log1p
from moe_theory.kernels.jit import kernel

TRUE = {exp: mpmath.exp, log: mpmath.log, log1p: mpmath.log1p}


@kernel
def all_exp(x, out):
    for j in range(len(x)):
        out[j] = exp(x[j])


@kernel
def fused(a, b, c):
    return fma(a, b, c)


@kernel
def there_and_back(x):
    return bits_of(x), from_bits(bits_of(x))


def check(function, x, dtype):
    x = dtype(x)
    got = function(x)
    assert isinstance(got, float if dtype is np.float64 else np.floating | float)
    with mpmath.workdps(60):
        true = TRUE[function](mpmath.mpf(float(x)))
        largest = mpmath.mpf(float(np.finfo(dtype).max))
        if abs(true) > largest:
            assert abs(got) in (np.inf, largest)
            return
        unit = mpmath.mpf(float(np.spacing(abs(dtype(float(true))))))
        assert abs(mpmath.mpf(float(got)) - true) <= unit


PRECISIONS = pytest.mark.parametrize("dtype", [np.float32, np.float64])


@PRECISIONS
@given(x=st.floats(-800, 750))
@example(0.0)
@example(-103.9)
@example(-87.5)
@example(88.72)
@example(-745.1)
@example(-708.5)
@example(709.78)
def test_exp(dtype, x):
    check(exp, x, dtype)


@PRECISIONS
@given(x=st.one_of(st.floats(1e-300, 1e300), st.floats(0.4, 2.9)))
@example(1.0)
@example(2.0**0.5)
@example(0.5**0.5)
@example(5e-324)
@example(1e-310)
@example(1.7e308)
def test_log(dtype, x):
    if float(np.finfo(dtype).smallest_subnormal) <= x <= float(np.finfo(dtype).max):
        check(log, x, dtype)


@PRECISIONS
@given(x=st.one_of(st.floats(0, 1e300), st.floats(-0.9999999, 3), st.floats(-1e-6, 1e-6)))
@example(0.41565)
@example(-0.293)
@example(1e-320)
@example(-1e-20)
@example(2.0**53)
def test_log1p(dtype, x):
    if x <= float(np.finfo(dtype).max) and dtype(x) > -1:
        check(log1p, x, dtype)


@PRECISIONS
def test_special_values(dtype):
    nan, infinity, zero = dtype(np.nan), dtype(np.inf), dtype(0)
    assert np.isnan([exp(nan), log(nan), log1p(nan), log(dtype(-1)), log1p(dtype(-2))]).all()
    assert [exp(infinity), log(infinity), log1p(infinity)] == [np.inf] * 3
    assert [exp(-infinity), exp(dtype(-1e30)), exp(dtype(1e30))] == [0, 0, np.inf]
    assert [log(zero), log(-zero), log1p(dtype(-1))] == [-np.inf] * 3
    assert np.isnan([log(-infinity), log1p(-infinity)]).all()
    assert np.signbit(log1p(-zero))
    assert [exp(zero), log(dtype(1)), log1p(zero)] == [1, 0, 0]


@PRECISIONS
def test_a_loop_gives_the_bits_of_single_calls(dtype):
    x = np.random.default_rng(0).uniform(-110, 90, 1003).astype(dtype)
    x[:5] = [np.nan, np.inf, -np.inf, -0.0, 1e4]
    out = np.empty_like(x)
    all_exp(x, out)
    np.testing.assert_array_equal(out, np.array([exp(value) for value in x], dtype))


def test_loops_over_exp_are_vectorised():
    all_exp(np.zeros(3, np.float32), np.empty(3, np.float32))
    row = numba.types.Array(numba.float32, 1, "C")
    compiled = numba.njit(all_exp.py_func)  # not from the cache, which keeps no code to look at
    compiled.compile((row, row))
    assert "x float> @llvm.fma.v" in compiled.inspect_llvm((row, row))


def test_fma_rounds_once():
    for dtype in (np.float32, np.float64):
        eps = np.finfo(dtype).eps
        assert fused(dtype(1 + eps), dtype(1 - eps), dtype(-1)) == -(eps**2)


def test_bits():
    assert there_and_back(np.float32(1)) == (0x3F800000, 1)
    assert there_and_back(1.0) == (0x3FF << 52, 1)
    for bad in (1, np.int32(1)):
        with pytest.raises(numba.TypingError):
            there_and_back(bad)
