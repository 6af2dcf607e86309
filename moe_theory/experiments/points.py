"""The points of a grid: what its axes and links say of every field."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass
from itertools import product
from typing import Any

import numpy as np

from moe_theory._arguments import NETWORKS, check_network, is_law
from moe_theory._validation import instance, reject, wrong_object
from moe_theory.models import Model
from moe_theory.training import SGD

At = Mapping[str, Any]
LISTS = (list, tuple, range, np.ndarray)


def short(name: str, axes: Mapping[str | tuple[str, ...], Any]) -> str:
    """Return the column of an axis: the last part of its name, or all of it to tell two apart."""
    last = name.rpartition(".")[2]
    same = [other for other in _flat(axes) if other.rpartition(".")[2] == last]
    return last if len(same) == 1 else name


def mapping(argument: str, given: Any) -> dict[Any, Any]:
    """Return what was given by names, nothing if it is None."""
    if given is None:
        return {}
    instance(argument, given, Mapping, "a mapping")
    for key in given:
        for name in key if isinstance(key, tuple) else (key,):
            instance(f"a name in {argument}", name, str, "a string")
    return dict(given)


def listed(argument: str, given: Any) -> list[Any]:
    """Return what was given for an axis as a list; numbers of an array become Python's own."""
    sequence = isinstance(given, Sequence | np.ndarray) and not isinstance(given, str)
    if not sequence or getattr(given, "ndim", 1) == 0 or not len(given):
        raise wrong_object(argument, given, "a sequence of values")
    values = given.tolist() if isinstance(given, np.ndarray) else list(given)
    return [tuple(value) if isinstance(value, list) else value for value in values]


def named_arms(
    data: Any, arms: Mapping[str, Model | tuple[Model, SGD]], sgd: SGD | None
) -> dict[str, tuple[Model, SGD]]:
    """Return the network and the training of every arm."""
    if not is_law(data) or not is_dataclass(data):
        raise wrong_object("data", data, "a data model that is a dataclass, such as PatchPatterns")
    wanted = 'a mapping of names to networks, such as {"dense": DenseCNN(40)}'
    instance("arms", arms, Mapping, wanted)
    if sgd is not None:
        instance("sgd", sgd, SGD, "an SGD")
    return {arm: _pair(arm, given, sgd) for arm, given in arms.items()}


def _pair(arm: str, given: Any, sgd: SGD | None) -> tuple[Model, SGD]:
    if isinstance(given, Model):
        if sgd is None:
            raise reject(f"arms[{arm!r}]", given, "(model, SGD) where no sgd is given")
        return given, sgd
    if not isinstance(given, tuple) or len(given) != 2:
        raise wrong_object(f"arms[{arm!r}]", given, f"{NETWORKS}, or (network, SGD)")
    model, own = given
    check_network(model, f"arms[{arm!r}][0]")
    instance(f"arms[{arm!r}][1]", own, SGD, "an SGD")
    return model, own


def _flat(axes: Mapping[str | tuple[str, ...], Any]) -> list[str]:
    return [name for key in axes for name in ((key,) if isinstance(key, str) else key)]


def points(axes: Mapping[str | tuple[str, ...], Sequence[Any]]) -> Iterator[dict[str, Any]]:
    """Yield the values of all fields on the axes, the last axis fastest."""
    for values in product(*axes.values()):
        point: dict[str, Any] = {}
        for key, value in zip(axes, values, strict=True):
            if isinstance(key, str):
                point[key] = value
            elif isinstance(value, tuple | list) and len(value) == len(key):
                point |= zip(key, value, strict=True)
            else:
                raise reject(f"axes[{key!r}]", value, f"tuples of {len(key)} values")
        yield point


def has_field(parts: Mapping[str, Any], name: str) -> bool:
    """Return whether ``name`` is a field of one of the parts."""
    part, _, field = name.partition(".")
    return part in parts and field in field_names(parts[part])


def field_names(part: Any) -> list[str]:
    """Return the names of the fields that a part is made with."""
    return [field.name for field in fields(part) if field.init]


def check_fields(
    axes: Mapping[Any, Any],
    links: Mapping[str, Any],
    data: Any,
    named: Mapping[str, tuple[Model, SGD]],
) -> None:
    """Raise ``ValueError`` unless there are networks, and every field is one of theirs."""
    if not named:
        raise reject("arms", dict(named), "at least one network")
    for name in [*_flat(axes), *links]:
        of_arms = ({"data": data, "model": model, "sgd": sgd} for model, sgd in named.values())
        if not any(has_field(parts, name) for parts in of_arms):
            allowed = 'fields such as "data.n_patches", "model.n_routed" or "sgd.learning_rate"'
            raise reject("axes and links", name, allowed)


def linked(
    parts: Mapping[str, Any],
    here: Mapping[str, Any],
    known: Mapping[str, Any],
    links: Mapping[str, Callable[[At], Any]],
) -> dict[str, Any]:
    """Return the values of all fields by dotted name, after axes and links."""
    at = dict(known)
    for part, value in parts.items():
        at |= {f"{part}.{name}": getattr(value, name) for name in field_names(value)}
    at |= {name: value for name, value in here.items() if has_field(parts, name)}
    at.setdefault("data.n_patches", parts["data"].n_patches)
    for name, link in links.items():
        if has_field(parts, name):
            at["n_pooled"] = _pooled(at)
            at[name] = link(at)
    at["n_pooled"] = _pooled(at)
    return at


def _pooled(at: At) -> int:
    routed = at.get("model.pooling") == "routed"
    return int(at["model.n_routed"] if routed else at["data.n_patches"])
