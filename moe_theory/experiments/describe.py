"""Configurations as plain JSON values, so that a result can say what made it."""

from __future__ import annotations

import hashlib
import inspect
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np

from moe_theory._versions import versions
from moe_theory.experiments.settings import Setting

__all__ = ["describe", "describe_settings", "versions"]


def describe(value: Any) -> Any:
    """Return ``value`` as JSON; dataclasses carry their type, arrays their shape and SHA-256.

    Functions carry their name and the SHA-256 of their source, where it can be found.

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
    if isinstance(value, Mapping):
        return {str(key): describe(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [describe(item) for item in value]
    if value is None or isinstance(value, bool | int | float | str | np.generic):
        return value.item() if isinstance(value, np.generic) else value
    if callable(value) and hasattr(value, "__qualname__"):
        return _function(value)
    raise TypeError(f"no description for {type(value).__name__}: {value!r}")


def describe_settings(settings: Iterable[Setting]) -> dict[str, Any]:
    """Return settings as JSON; each different data model, network and SGD stands there once.

    Examples
    --------
    >>> from moe_theory import SGD, DenseCNN, PatchPatterns
    >>> data = PatchPatterns(n_patches=4, n_irrelevant=8, patch_dim=10)
    >>> setting = Setting({"arm": "dense"}, data, DenseCNN(4), SGD(1.0, 10, n_steps=5), 20)
    >>> described = describe_settings([setting, setting.at(40)])
    >>> len(described["data"]), described["settings"][1]["n_train"]
    (1, 40)
    """
    parts: dict[str, list[Any]] = {"data": [], "model": [], "sgd": []}
    places: dict[Any, int] = {}
    rows = []
    for setting in settings:
        row = {"labels": describe(setting.labels), "n_train": setting.n_train}
        row |= {"n_router": setting.n_router, "group": setting.group}
        for name, known in parts.items():
            part = getattr(setting, name)
            if id(part) not in places:
                described = describe(part)
                text = name + json.dumps(described)
                if text not in places:
                    known.append(described)
                    places[text] = len(known) - 1
                places[id(part)] = places[text]
            row[name] = places[id(part)]
        rows.append(row)
    return {**parts, "settings": rows}


def _function(function: Callable[..., Any]) -> dict[str, Any]:
    try:
        source = hashlib.sha256(inspect.getsource(function).encode()).hexdigest()
    except (OSError, TypeError):
        source = None
    return {"function": function.__qualname__, "sha256": source}
