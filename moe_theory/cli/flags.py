"""Flags made from the fields of a specification: types, defaults and docstrings are those of it.

Libraries that do the same (tyro, cyclopts, jsonargparse) make a union a subcommand with flags of
its own, and a field one value: a sweep over networks that share flags is neither.
"""

from __future__ import annotations

import inspect
import re
from dataclasses import Field, fields
from functools import cache
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from moe_theory._validation import reject

WORDS = {"true": True, "yes": True, "false": False, "no": False}


def flag(name: str) -> str:
    """Return a field as it is written on the command line.

    Examples
    --------
    >>> flag("n_routed")
    '--n-routed'
    """
    return "--" + name.replace("_", "-")


def own_fields(kind: type) -> dict[str, Field[Any]]:
    """Return the fields that a specification takes, by name."""
    return {field.name: field for field in fields(kind) if field.init}


@cache
def described(kind: type) -> dict[str, str]:
    """Return the first sentence that the docstring says of each parameter.

    Examples
    --------
    >>> from moe_theory.models import SeparateMoE
    >>> described(SeparateMoE)["n_experts"]
    'k, an even number'
    """
    text = inspect.cleandoc(kind.__doc__ or "")
    section = re.search(r"^Parameters\n-+\n(.*?)(?=^\w+\n-+\n|\Z)", text, re.DOTALL | re.MULTILINE)
    found = {}
    for names, body in re.findall(
        r"^(\S.*)\n((?:[ ].*\n?|\n)*)", section[1] if section else "", re.M
    ):
        said = re.split(r"(?<=[.;:])\s", " ".join(body.split()), maxsplit=1)[0]
        for name in names.partition(" :")[0].split(","):
            found[name.strip()] = said.rstrip(".;:").replace("`", "")
    return found


def convert(name: str, hint: Any, text: str) -> Any:
    """Return what ``text`` says as a value of the field ``name`` with the type ``hint``.

    Tuples are written with commas; of pairs, each with a colon. Limits are those of the
    specification, which checks them itself.

    Raises
    ------
    ValueError
        If ``text`` is none; the message names the flag.

    Examples
    --------
    >>> convert("record", int | tuple[int, ...] | None, "0,10,20")
    (0, 10, 20)
    >>> convert("others", tuple[tuple[int, int], ...], "7:6,5:4")
    ((7, 6), (5, 4))
    >>> convert("balanced", bool, "no"), convert("stop_loss", float | None, "none")
    (False, None)
    """
    if NoneType in choices_of(hint) and text.lower() == "none":
        return None
    for member in choices_of(hint):
        try:
            return _value(member, text)
        except ValueError:
            continue
    raise reject(flag(name), text, " or ".join(_allowed(member) for member in choices_of(hint)))


def choices_of(hint: Any) -> tuple[Any, ...]:
    """Return the types that a type allows."""
    return get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)


def shown(hint: Any) -> str:
    """Return what stands for a value in the help.

    Examples
    --------
    >>> shown(int | None), shown(int | tuple[float, ...]), shown(Literal["signs", "gaussian"])
    ('INT', 'INT|FLOAT,...', '{signs,gaussian}')
    """
    return "|".join(_shown(member) for member in choices_of(hint) if member is not NoneType)


def _shown(member: Any) -> str:
    if get_origin(member) is Literal:
        return "{" + ",".join(get_args(member)) + "}"
    if get_origin(member) is tuple:
        inner, *more = get_args(member)
        if get_origin(inner) is tuple:
            return "INT:INT,..."
        return _shown(inner) + ",..." if more == [...] else ",".join(map(_shown, (inner, *more)))
    return "BOOL" if member is bool else str(member.__name__).upper()


@cache
def hints_of(kind: type) -> dict[str, Any]:
    """Return the types of all fields."""
    return get_type_hints(kind)


def written(value: Any) -> str:
    """Return a value as `convert` reads it.

    Examples
    --------
    >>> written(((7, 6), (5, 4))), written((0.5, 0.5)), written(None), written(True)
    ('7:6,5:4', '0.5,0.5', 'none', 'true')
    """
    if isinstance(value, tuple):
        pairs = any(isinstance(item, tuple) for item in value)
        return ",".join(
            written(item).replace(",", ":") if pairs else written(item) for item in value
        )
    if value is None or isinstance(value, bool):
        return str(value).lower()
    return str(value)


def _value(member: Any, text: str) -> Any:
    if member is NoneType:
        raise ValueError(text)
    if member is bool:
        if text.lower() not in WORDS:
            raise ValueError(text)
        return WORDS[text.lower()]
    if get_origin(member) is tuple:
        inner = get_args(member)[0]
        pairs = get_origin(inner) is tuple
        of_one = get_args(inner)[0] if pairs else inner
        items = text.split(",") if text else []
        if pairs:
            return tuple(tuple(_value(of_one, part) for part in item.split(":")) for item in items)
        return tuple(_value(of_one, item) for item in items)
    if get_origin(member) is Literal:
        return text
    return member(text)


def _allowed(member: Any) -> str:
    names = {int: "an integer", float: "a number", bool: "true or false", NoneType: '"none"'}
    if get_origin(member) is tuple:
        return f"values with commas between them, as {shown(member)}"
    return names.get(member, str(member))
