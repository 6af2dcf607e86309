"""Fused multiply-add, and the bits of floating-point numbers as integers, inside kernels."""

from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

INTEGER_OF = {types.float32: types.int32, types.float64: types.int64}
FLOAT_OF = {integer: real for real, integer in INTEGER_OF.items()}


@intrinsic
def fma(typing_context: Any, a: Any, b: Any, c: Any) -> Any:
    """Return a·b + c with one rounding; the three have one type, float32 or float64.

    Where the processor has no such instruction the C library's function takes its place, with the
    same bits and thirty times as slowly.
    """
    if a not in INTEGER_OF or not a == b == c:
        return None

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        real = context.get_value_type(signature.return_type)
        function = builder.module.declare_intrinsic(
            "llvm.fma", (real,), ir.FunctionType(real, (real, real, real))
        )
        return builder.call(function, arguments)

    return a(a, b, c), build


@intrinsic
def bits_of(typing_context: Any, x: Any) -> Any:
    """Return the bits of a float32 as an int32, those of a float64 as an int64."""
    return _cast(x, INTEGER_OF)


@intrinsic
def from_bits(typing_context: Any, bits: Any) -> Any:
    """Return the number whose bits are those of ``bits``, an int32 or int64."""
    return _cast(bits, FLOAT_OF)


def _cast(source: Any, target_of: dict[Any, Any]) -> Any:
    if source not in target_of:
        return None

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.bitcast(arguments[0], context.get_value_type(signature.return_type))

    return target_of[source](source), build
