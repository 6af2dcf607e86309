"""Rows as tables of other libraries, which are imported only here and only where asked for."""

from __future__ import annotations

import importlib
import json
import math
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray

from moe_theory._validation import reject
from moe_theory.experiments.store import Row

# Cells of one variable, at most: sparse labels would fill the memory with gaps.
MOST_CELLS = 10**8


def is_nested(value: object) -> bool:
    """Return whether a cell holds several values."""
    return isinstance(value, list | tuple | dict)


def data_frame(rows: list[Row], columns: list[str], config: dict[str, Any]) -> Any:
    """Return a ``pandas.DataFrame``; see `Results.to_pandas`."""
    pandas = _library("pandas")
    frame = pandas.DataFrame(rows, columns=columns)
    frame.attrs["config"] = json.dumps(config, default=str)
    return frame


def data_set(rows: list[Row], columns: list[str], config: dict[str, Any], dims: list[str]) -> Any:
    """Return an ``xarray.Dataset``; see `Results.to_xarray`."""
    xarray = _library("xarray")
    nested = {name for row in rows for name, value in row.items() if is_nested(value)}
    free = [name for name in columns if name not in nested]
    if not dims or len(set(dims)) < len(dims) or any(name not in free for name in dims):
        raise reject("dims", dims, f"different columns of single values, of {free}")
    values = {name: list(dict.fromkeys(row.get(name) for row in rows)) for name in dims}
    places = {name: {value: i for i, value in enumerate(own)} for name, own in values.items()}
    shape = tuple(len(own) for own in values.values())
    if math.prod(shape) > MOST_CELLS:
        raise reject("dims", dims, f"fewer: a grid of {shape} cells is nearly empty and too large")
    at: dict[int, Row] = {}
    for row in rows:
        place = tuple(places[name][row.get(name)] for name in dims)
        if at.setdefault(int(np.ravel_multi_index(place, shape)), row) is not row:
            alike = {name: row.get(name) for name in dims}
            raise reject("dims", dims, f"columns that tell all rows apart; two have {alike}")
    measured = {}
    for name in free:
        if name not in dims:
            cells: list[Any] = [None] * math.prod(shape)
            for cell, row in at.items():
                cells[cell] = row.get(name)
            measured[name] = (dims, _array(cells).reshape(shape))
    coordinates = {name: _array(own) for name, own in values.items()}
    return xarray.Dataset(measured, coordinates, {"config": json.dumps(config, default=str)})


def _array(values: list[Any]) -> NDArray[Any]:
    """Return numbers as such, None among them as NaN, and anything else as objects."""
    known = [value for value in values if value is not None]
    if all(isinstance(value, Real | np.bool_) for value in known):
        whole = len(known) == len(values)
        return np.array(values if whole else [math.nan if v is None else v for v in values])
    found = np.empty(len(values), object)
    found[:] = values
    return found


def _library(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        message = f"{name} is not installed; pip install {name} brings it"
        raise ImportError(message, name=name) from error
