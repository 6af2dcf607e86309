"""Configurations as plain JSON values, so that a result can say what made it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from moe_theory.experiments.reader import Reader
from moe_theory.experiments.settings import Setting

__all__ = ["describe", "describe_settings"]


def describe(value: Any, name: str = "value", *, strict: bool = True) -> Any:
    """Return ``value`` as JSON: equal values, and only these, have equal descriptions.

    Dataclasses carry their type, arrays their shape and SHA-256. Functions carry their name, the
    SHA-256 of their source, their defaults and closure, and all that they use: global values, and
    functions and classes, which are described in the same way. What belongs to Python or to an
    installed package is known by its name. Any other object is what it would be pickled as.

    Parameters
    ----------
    value : object
        What is to be described.
    name : str
        What an error calls it.
    strict : bool
        Refuse what has no description; otherwise it is marked as ``unidentified``.

    Raises
    ------
    TypeError
        If ``value`` holds something that cannot be identified.

    Notes
    -----
    A function whose source is not found, or is not what runs any more, has the digest of its
    bytecode instead, which differs between minor versions of Python.

    Examples
    --------
    >>> from moe_theory.models import DenseCNN
    >>> describe(DenseCNN(n_hidden=4))["n_hidden"]
    4
    >>> def below(limit):
    ...     return lambda run, test, train: {"below": run.error(test) < limit}
    >>> describe(below(0.5))["closure"]
    {'limit': 0.5}
    """
    reader = Reader()
    described = reader.value(value)
    if strict and reader.unknown:
        where, kind = reader.unknown[0]
        part = f"its {where} is" if where else "it is"
        raise TypeError(
            f"{name} cannot be identified, since {part} of type {kind}, so that rows kept at a "
            "path could be those of another one: let it depend on numbers, strings, arrays and "
            "functions of your own, such as by functools.partial or a dataclass with __call__; or "
            "run without a path"
        )
    return described


def describe_settings(settings: Iterable[Setting], *, strict: bool = True) -> dict[str, Any]:
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
                described = describe(part, name, strict=strict)
                text = name + json.dumps(described)
                if text not in places:
                    known.append(described)
                    places[text] = len(known) - 1
                places[id(part)] = places[text]
            row[name] = places[id(part)]
        rows.append(row)
    return {**parts, "settings": rows}
