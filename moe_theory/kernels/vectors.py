"""Vectors of 256 bits as values that kernels can hold: 8 float32 or 4 float64 at once.

Each operation is one of LLVM's on its fixed-width vector type, so that the code, not the compiler
or the processor, says in which order numbers are added and where a product is fused with a sum.
Processors with narrower or wider registers run the same operations in pieces, with equal bits.
"""

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic, models, register_model

BITS = 256


class Vector(types.Type):
    """The type of ``BITS`` worth of numbers of the type ``scalar``."""

    def __init__(self, scalar):
        self.scalar = scalar
        self.lanes = BITS // scalar.bitwidth
        super().__init__(name=f"Vector({scalar})")


@register_model(Vector)
class _VectorModel(models.PrimitiveModel):
    def __init__(self, manager, kind):
        element = manager.lookup(kind.scalar).get_value_type()
        super().__init__(manager, kind, ir.VectorType(element, kind.lanes))


def _lane_numbers(*numbers):
    return ir.Constant(ir.VectorType(ir.IntType(32), len(numbers)), list(numbers))


def _splat(builder, value, lanes):
    first = builder.insert_element(
        ir.Constant(ir.VectorType(value.type, lanes), ir.Undefined), value, ir.IntType(32)(0)
    )
    return builder.shuffle_vector(first, first, _lane_numbers(*[0] * lanes))


def _element(context, builder, kind, array, row, column):
    """Return the address of array[row, column], C-contiguous and inside, whatever it holds."""
    made = context.make_array(kind)(context, builder, array)
    width = cgutils.unpack_tuple(builder, made.shape, kind.ndim)[-1]
    return builder.gep(made.data, [builder.add(builder.mul(row, width), column)])


@intrinsic
def lanes_of(typing, array):
    """Return how many numbers of this array fill a vector."""
    lanes = Vector(array.dtype).lanes
    return types.intp(array), lambda context, builder, _, __: context.get_constant(
        types.intp, lanes
    )


@intrinsic
def zeros_like(typing, array):
    """Return a vector of zeros of the type of this array's numbers."""
    kind = Vector(array.dtype)

    def generate(context, builder, signature, arguments):
        return ir.Constant(context.get_value_type(kind), None)

    return kind(array), generate


@intrinsic
def load(typing, array, row, column):
    """Return array[row, column : column + lanes] of a C-contiguous matrix."""
    kind = Vector(array.dtype)

    def generate(context, builder, signature, arguments):
        address = _element(context, builder, signature.args[0], *arguments)
        address = builder.bitcast(address, context.get_value_type(kind).as_pointer())
        return builder.load(address, align=kind.scalar.bitwidth // 8)

    return kind(array, types.intp, types.intp), generate


@intrinsic
def store(typing, array, row, column, value):
    """Write array[row, column : column + lanes] of a C-contiguous matrix."""

    def generate(context, builder, signature, arguments):
        address = _element(context, builder, signature.args[0], *arguments[:3])
        address = builder.bitcast(address, arguments[3].type.as_pointer())
        builder.store(arguments[3], address, align=array.dtype.bitwidth // 8)
        return context.get_dummy_value()

    return types.void(array, types.intp, types.intp, value), generate


@intrinsic
def broadcast(typing, number):
    """Return ``number`` in every lane."""
    kind = Vector(number)

    def generate(context, builder, signature, arguments):
        return _splat(builder, arguments[0], kind.lanes)

    return kind(number), generate


@intrinsic
def multiply_add(typing, a, b, c):
    """Return a·b + c, rounded once."""

    def generate(context, builder, signature, arguments):
        vector = arguments[0].type
        name = f"llvm.fma.v{vector.count}f{a.scalar.bitwidth}"
        function = cgutils.get_or_insert_function(
            builder.module, ir.FunctionType(vector, [vector] * 3), name
        )
        return builder.call(function, arguments)

    return a(a, b, c), generate


@intrinsic
def add(typing, a, b):
    """Return a + b."""
    return a(a, b), lambda context, builder, _, pair: builder.fadd(*pair)


@intrinsic
def subtract(typing, a, b):
    """Return a − b."""
    return a(a, b), lambda context, builder, _, pair: builder.fsub(*pair)


@intrinsic
def where_greater(typing, a, b, yes, no):
    """Return, lane by lane, ``yes`` where a > b and ``no`` elsewhere, as where one is NaN."""

    def generate(context, builder, signature, arguments):
        greater = builder.fcmp_ordered(">", *arguments[:2])
        return builder.select(greater, *arguments[2:])

    return yes(a, b, yes, no), generate


def _sums_of_four(builder, a, b, c, d):
    """Add the lanes of four vectors: neighbours, then pairs, then halves; give four sums."""

    def neighbours(x, y):
        count = x.type.count
        half = count // 2
        even = [
            start + lane
            for first in (0, half)
            for start in (first, count + first)
            for lane in range(0, half, 2)
        ]
        odd = [lane + 1 for lane in even]
        return builder.fadd(
            builder.shuffle_vector(x, y, _lane_numbers(*even)),
            builder.shuffle_vector(x, y, _lane_numbers(*odd)),
        )

    first, second = neighbours(a, b), neighbours(c, d)
    if first.type.count == 4:
        low, high = (0, 1, 4, 5), (2, 3, 6, 7)
    else:
        first = second = neighbours(first, second)
        low, high = (0, 1, 2, 3), (4, 5, 6, 7)
    return builder.fadd(
        builder.shuffle_vector(first, second, _lane_numbers(*low)),
        builder.shuffle_vector(first, second, _lane_numbers(*high)),
    )


@intrinsic
def lane_sum(typing, a):
    """Return the sum over the lanes of ``a``, in the order of `store_lane_sums`."""

    def generate(context, builder, signature, arguments):
        sums = _sums_of_four(builder, *arguments * 4)
        return builder.extract_element(sums, ir.IntType(32)(0))

    return a.scalar(a), generate


@intrinsic
def store_lane_sums(typing, array, row, column, a, b, c, d):
    """Write the sums over the lanes of a, b, c, d to array[row, column : column + 4].

    Neighbouring lanes are added first, then neighbouring pairs, then, of eight lanes, the halves.
    """

    def generate(context, builder, signature, arguments):
        sums = _sums_of_four(builder, *arguments[3:])
        address = _element(context, builder, signature.args[0], *arguments[:3])
        address = builder.bitcast(address, sums.type.as_pointer())
        builder.store(sums, address, align=array.dtype.bitwidth // 8)
        return context.get_dummy_value()

    return types.void(array, types.intp, types.intp, a, b, c, d), generate
