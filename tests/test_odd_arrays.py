"""No number in an array, and no size, makes a public function fail without a word, or for long.

One entry of each array is replaced by NaN, an infinite number or an integer that is no index, and
each number by a billion, the rest being right.
"""

import dataclasses
import re
import time
import warnings

import numpy as np
import pytest
from test_arguments import ALIASES, PUBLIC, admits, example, hints_of, right

from moe_theory import DivergenceError
from moe_theory.flow import FlowError

FLOATS = (np.nan, np.inf, -np.inf)
INTEGERS = (-1, 10**6, 2**31, 2**40)
# Here NaN, or a number above all, stands for what was not reached.
NOT_REACHED = {
    ("bounds.measurements.Measurements", "measured"),
    ("plotting.cells.cell_places", "at"),
}


def arrays_of(name):
    """Yield each argument that is an array of numbers, its type and a right value."""
    for argument, hint in hints_of(PUBLIC[name]).items():
        try:
            value = example(name, argument, hint)
        except KeyError:  # optional arguments need none
            continue
        if isinstance(value, np.ndarray | list | tuple):
            try:
                array = np.asarray(value)
            except ValueError:  # of unequal lengths
                continue
            if array.dtype.kind in "iuf" and array.size:
                yield argument, hint, array


def replaced(array, number):
    wrong = array.astype(type(number))
    wrong.flat[-1] = number
    return wrong


def numbers(value, depth=0):
    """Yield all floating-point numbers in what a function returned."""
    if isinstance(value, np.ndarray | float):
        if np.asarray(value).dtype.kind == "f":
            yield np.asarray(value)
        return
    parts = ()
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        parts = [getattr(value, field.name) for field in dataclasses.fields(value)]
    elif isinstance(value, list | tuple | dict):
        parts = value.values() if isinstance(value, dict) else value
    for part in parts if depth < 4 else ():
        yield from numbers(part, depth + 1)


def has_nan(value):
    return any(np.isnan(array).any() for array in numbers(value))


WITH_ARRAYS = [name for name in sorted(PUBLIC) if any(True for _ in arrays_of(name))]


def attempt(function, arguments, argument):
    """Return what a function gives, or None if it refuses by naming the argument."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            return function(**arguments)
    except (TypeError, ValueError) as error:
        if not re.search(rf"\b({argument}|{ALIASES.get(argument, argument)})\b", str(error)):
            raise
        return None


@pytest.mark.parametrize("name", WITH_ARRAYS)
def test_numbers_in_arrays(name):
    function, good = PUBLIC[name], right(name)
    for argument, hint, array in arrays_of(name):
        more = INTEGERS if array.dtype.kind in "iu" else ()
        for number in (*FLOATS, *more):
            if (name, argument) in NOT_REACHED and not number < 0:
                continue
            wrong = replaced(array, number)
            for form in (wrong, wrong.tolist()):
                if admits(hint, form):
                    found = attempt(function, good | {argument: form}, argument)
                    assert not has_nan(found) or has_nan(function(**good)), (argument, form)


def test_arrays_were_found():
    """Of kernels for routing, of theories, of tables: all that take arrays are among them."""
    assert {name.rpartition(".")[2] for name in WITH_ARRAYS} >= {
        "choose_patches", "choose_experts", "routing_metrics", "PatchData", "crossing",
        "fit_exponents", "compression_limit", "expert_choice_success", "rivals",
    }  # fmt: skip


# A number of workers is no size, and a server serves until Ctrl-C.
NO_SIZES = {("advice.advise.advise", "n_workers"), ("explore.server.serve", "port")}


@pytest.mark.parametrize("name", sorted(PUBLIC))
def test_a_billion_is_refused_before_work_or_takes_none(name):
    function, good = PUBLIC[name], right(name)
    for argument, hint in hints_of(function).items():
        if not admits(hint, 5) or (name, argument) in NO_SIZES:
            continue
        started = time.process_time()
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", UserWarning)
                function(**good | {argument: 10**9})
        except (TypeError, ValueError, DivergenceError, FlowError):
            pass
        assert time.process_time() - started < 5, argument
