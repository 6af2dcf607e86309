"""Configurations as plain JSON values, so that a result can say what made it."""

from __future__ import annotations

import hashlib
import platform
from dataclasses import fields, is_dataclass
from importlib.metadata import version
from typing import Any

import numpy as np


def describe(value: Any) -> Any:
    """Return ``value`` as JSON; dataclasses carry their type, arrays their shape and SHA-256.

    Raises
    ------
    TypeError
        If ``value`` holds something that has no description.

    Examples
    --------
    >>> from moe_theory.models import DenseCNN
    >>> describe(DenseCNN(n_hidden=4))["n_hidden"]
    4
    """
    if is_dataclass(value) and not isinstance(value, type):
        content = {field.name: describe(getattr(value, field.name)) for field in fields(value)}
        return {"type": type(value).__name__, **content}
    if isinstance(value, np.ndarray):
        digest = hashlib.sha256(np.ascontiguousarray(value).tobytes()).hexdigest()
        return {"shape": list(value.shape), "dtype": str(value.dtype), "sha256": digest}
    if isinstance(value, dict):
        return {str(key): describe(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [describe(item) for item in value]
    if isinstance(value, np.generic):
        return value.item()
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise TypeError(f"no description for {type(value).__name__}: {value!r}")


def versions() -> dict[str, str]:
    """Return the versions that can change a result's bits.

    Examples
    --------
    >>> sorted(versions())
    ['machine', 'moe_theory', 'numba', 'numpy', 'python', 'scipy']
    """
    packages = ("moe_theory", "numba", "numpy", "scipy")
    found = {name: version(name) for name in packages}
    return {**found, "python": platform.python_version(), "machine": platform.machine()}
