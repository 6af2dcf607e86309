"""Kernels that one can read take few things: what belongs together comes in one tuple."""

import importlib
from pathlib import Path

import pytest
from numba.core.dispatcher import Dispatcher

import moe_theory

MOST = 8
ROOT = Path(moe_theory.__file__).parent
FILES = [*ROOT.glob("kernels/*.py"), *ROOT.glob("predictions/**/kernels.py")]
NAMES = sorted(
    ".".join(file.relative_to(ROOT.parent).with_suffix("").parts)
    for file in FILES
    if file.stem != "__init__"
)


def kernels_of(name):
    module = importlib.import_module(name)
    return {
        key: found.py_func.__code__.co_argcount
        for key, found in vars(module).items()
        if isinstance(found, Dispatcher) and found.py_func.__module__ == name
    }


@pytest.mark.parametrize("name", NAMES)
def test_kernels_take_few_arguments(name):
    long = {key: count for key, count in kernels_of(name).items() if count > MOST}
    assert not long


def test_kernels_are_found():
    """In every module but those of arguments, options and what is no kernel."""
    without = {name.rpartition(".")[2] for name in NAMES if not kernels_of(name)}
    assert without == {"arguments", "bits", "cache", "codes", "jit", "state", "vectors"}
    assert kernels_of("moe_theory.kernels.descent")["descend"] == 7
