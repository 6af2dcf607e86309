"""Exponential and logarithms with the same bits on every machine.

The C library's and NumPy's differ in the last bits from one processor to another. These are made of
sums, products, quotients, fused multiply-adds and integer operations alone, all of which IEEE 754
rounds in one way. They are within one unit in the last place of the true value. No function calls
or branches stand in `exp`, so that a loop over an array is done on the vector units.
"""

from typing import Any

import numpy as np
from numba import types
from numba.extending import overload

from moe_theory.kernels.bits import bits_of, fma, from_bits
from moe_theory.kernels.jit import OPTIONS, kernel

single, double = np.float32, np.float64
options: Any = OPTIONS

# Added and taken away again, 1.5·2^(mantissa bits) rounds to an integer.
ROUND_32, ROUND_64 = single(1.5 * 2.0**23), double(1.5 * 2.0**52)
BITS_32, BITS_64 = ROUND_32.view(np.int32), ROUND_64.view(np.int64)
LOG2E_32, LOG2E_64 = single(1.4426950408889634), double(1.4426950408889634)
LN2_32, REST_32 = single(0.6931471805599453), single(-1.9046542e-09)
LN2_64, REST_64 = 0.6931471805599453, 2.3190468138462996e-17
# ln 2 with so many trailing zeros that its product with an exponent is exact, and the rest.
LN2_SHORT, LN2_REST = 0.6931471803691238, 1.9082149292705877e-10

# (eʳ − 1 − r)/r² on |r| ≤ ½ ln 2; relative errors of eʳ 2.4e-10 and 2.4e-19.
E2, E3, E4, E5, E6, E7 = (
    single(value)
    for value in (0.5, 0.16666666681704215, 0.0416664641974057, 0.008333310844647863,
                  0.0013933730715792082, 0.0001989108046399884)
)  # fmt: skip
D2, D3, D4, D5, D6, D7, D8, D9, D10, D11, D12 = (
    0.5, 0.1666666666666667103, 0.041666666666666669783, 0.0083333333333260831202,
    0.0013888888888883711167, 0.00019841269875002278793, 2.48015873256774619e-5,
    2.7557255170000887438e-6, 2.7557273478718580474e-7, 2.5105312729622101787e-8,
    2.09147553258932022e-9,
)  # fmt: skip
# (2·atanh(s)/s − 2)/s² in s² for |s| ≤ (√2 − 1)/(√2 + 1); relative error of the logarithm 5e-18.
L0, L1, L2, L3, L4, L5, L6 = (
    0.66666666666666696905, 0.39999999999899381939, 0.28571428626031066765,
    0.22222211125722808938, 0.18182889786191042483, 0.15331699633543858719,
    0.14616721179861815749,
)  # fmt: skip
MANTISSA, SQRT_HALF_BITS = (1 << 52) - 1, 0x3FE6A09E667F3BCD


@kernel
def _exp_single(x):
    """Return eˣ = 2ⁿ·eʳ with n = round(x / ln 2)."""
    low, high = single(-104), single(89)
    x = low if x < low else x
    x = high if x > high else x
    shifted = fma(x, LOG2E_32, ROUND_32)
    n = shifted - ROUND_32
    r = fma(-n, LN2_32, x)
    r = fma(-n, REST_32, r)
    tail = fma(fma(fma(fma(fma(E7, r, E6), r, E5), r, E4), r, E3), r, E2)
    power = fma(tail, r * r, r) + single(1)
    exponent = np.int32(bits_of(shifted) - BITS_32)
    half = np.int32(exponent >> np.int32(1))
    rest = np.int32(exponent - half)
    # In two steps, each within the range of normal numbers; only the last one can round.
    first = from_bits(np.int32(np.int32(half + np.int32(127)) << np.int32(23)))
    second = from_bits(np.int32(np.int32(rest + np.int32(127)) << np.int32(23)))
    return power * first * second


@kernel
def _exp_double(x):
    """Return eˣ = 2ⁿ·eʳ with n = round(x / ln 2)."""
    x = -746.0 if x < -746.0 else x
    x = 710.0 if x > 710.0 else x
    shifted = fma(x, LOG2E_64, ROUND_64)
    n = shifted - ROUND_64
    r = fma(-n, LN2_64, x)
    r = fma(-n, REST_64, r)
    z = r * r
    even = fma(fma(fma(fma(fma(D12, z, D10), z, D8), z, D6), z, D4), z, D2)
    odd = fma(fma(fma(fma(D11, z, D9), z, D7), z, D5), z, D3)
    power = fma(fma(odd, r, even), z, r) + 1.0
    exponent = bits_of(shifted) - BITS_64
    half = exponent >> 1
    first = from_bits((half + 1023) << 52)
    second = from_bits((exponent - half + 1023) << 52)
    return power * first * second


@kernel
def _log_of_parts(f, exponent, correction):
    """Return exponent·ln 2 + log(1 + f) + correction for 1 + f in [√½, √2]."""
    s = f / (2.0 + f)
    z = s * s
    tail = fma(fma(fma(fma(fma(fma(L6, z, L5), z, L4), z, L3), z, L2), z, L1), z, L0) * z
    half_square = 0.5 * f * f
    small = fma(s, half_square + tail, fma(exponent, LN2_REST, correction))
    return exponent * LN2_SHORT - ((half_square - small) - f)


@kernel
def _split(x):
    """Return n, f with x = 2ⁿ·(1 + f) and 1 + f in [√½, √2), for a positive normal x."""
    bits = bits_of(x) - SQRT_HALF_BITS
    exponent = bits >> 52
    mantissa = from_bits((bits & MANTISSA) + SQRT_HALF_BITS)
    return double(exponent), mantissa - 1.0


@kernel
def _log_double(x):
    if not x > 0.0:
        return -np.inf if x == 0.0 else np.nan
    if x == np.inf:
        return x
    shift = 0.0
    if x < 2.0**-1022:
        x *= 2.0**54
        shift = -54.0
    exponent, f = _split(x)
    return _log_of_parts(f, exponent + shift, 0.0)


@kernel
def _log1p_double(x):
    if not x > -1.0:
        return -np.inf if x == -1.0 else np.nan
    if x == np.inf or abs(x) < 2.0**-54:
        return x
    total = 1.0 + x
    exponent, f = _split(total)
    if exponent == 0.0:
        return _log_of_parts(x, 0.0, 0.0)
    # What 1 + x lost in rounding.
    lost = 1.0 - (total - x) if exponent > 1.0 else x - (total - 1.0)
    return _log_of_parts(f, exponent, lost / total)


def _exp(x): ...


def _log(x): ...


def _log1p(x): ...


@overload(_exp, jit_options=options)
def _choose_exp(x):
    if x == types.float32:
        return lambda x: _exp_single(single(x))
    return lambda x: _exp_double(double(x))


@overload(_log, jit_options=options)
def _choose_log(x):
    if x == types.float32:
        return lambda x: single(_log_double(double(x)))
    return lambda x: _log_double(double(x))


@overload(_log1p, jit_options=options)
def _choose_log1p(x):
    if x == types.float32:
        return lambda x: single(_log1p_double(double(x)))
    return lambda x: _log1p_double(double(x))


@kernel
def exp(x):
    """Return eˣ in the precision of ``x``, with gradual underflow to 0 and overflow to ∞."""
    return _exp(x)


@kernel
def log(x):
    """Return the natural logarithm in the precision of ``x``; of 0 it is −∞, below it NaN."""
    return _log(x)


@kernel
def log1p(x):
    """Return log(1 + x) in the precision of ``x``; at −1 it is −∞, below it NaN."""
    return _log1p(x)
