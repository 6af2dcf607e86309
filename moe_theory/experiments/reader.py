"""How any object becomes a description: equal ones for equal objects, and only for these."""

from __future__ import annotations

import copyreg
import functools
import hashlib
import json
import math
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from inspect import getattr_static
from types import (
    BuiltinFunctionType,
    CellType,
    FunctionType,
    MappingProxyType,
    MethodType,
    ModuleType,
)
from typing import Any

import numpy as np

from moe_theory.experiments import sources

PLAIN = {bool, int, str, type(None)}
MAPPINGS = {dict, MappingProxyType, OrderedDict}


class Reader:
    """One description under way: where it is, and what it has met.

    Attributes
    ----------
    unknown : list of (place, type)
        What could not be identified.

    Examples
    --------
    >>> reader = Reader()
    >>> reader.value({"sizes": (1, 2), "draws": {3}, "place": iter})["draws"], reader.unknown
    ({'set': [3]}, [])
    """

    def __init__(self) -> None:
        self.unknown: list[tuple[str, str]] = []
        self._place: list[str] = []
        self._first: dict[int, str] = {}
        self._alive: list[Any] = []

    def value(self, value: Any) -> Any:
        """Return the description of ``value``, by its kind."""
        kind = type(value)
        if kind in PLAIN or (kind is float and math.isfinite(value)):
            return value
        if kind in MAPPINGS:
            return self._mapping(value)
        if kind in (list, tuple):
            return self._items(value)
        for kinds, describer in KINDS:
            if isinstance(value, kinds):
                return describer(self, value)
        return self._once(value, self._dataclass if is_dataclass(value) else self._object)

    def _item(self, name: str, value: Any) -> Any:
        self._place.append(name)
        described = self.value(value)
        self._place.pop()
        return described

    def _named(self, values: Mapping[str, Any]) -> dict[str, Any]:
        return {name: self._item(name, value) for name, value in values.items()}

    def _items(self, values: Iterable[Any]) -> list[Any]:
        return [self._item(str(place), value) for place, value in enumerate(values)]

    def _once(self, value: Any, describer: Callable[[Any], Any]) -> Any:
        """Describe what may hold itself: within it, its place stands for it.

        So it does for functions and classes anywhere later, which are what they are by identity.
        """
        if id(value) in self._first:
            return {"as": self._first[id(value)]}
        self._first[id(value)] = ".".join(self._place)
        self._alive.append(value)  # so that no other object gets its number
        described = describer(value)
        if not isinstance(value, FunctionType | type):
            del self._first[id(value)]
        return described

    def _unknown(self, value: Any) -> dict[str, str]:
        kind = f"{type(value).__module__}.{type(value).__qualname__}"
        self.unknown.append((".".join(self._place), kind.removeprefix("builtins.")))
        return {"unidentified": kind}

    def _number(self, value: float) -> Any:
        return float(value) if math.isfinite(value) else {"float": repr(float(value))}

    def _enum(self, value: Enum) -> Any:
        kind = self._item("class", type(value))
        return {"enum": kind, "name": value.name, "value": self._item("value", value.value)}

    def _scalar(self, value: np.generic) -> Any:
        plain = value.item()
        return {"numpy": repr(value)} if isinstance(plain, np.generic) else self.value(plain)

    def _mapping(self, value: Mapping[Any, Any]) -> Any:
        if all(isinstance(key, str) for key in value):
            return self._named(value)
        return {"items": self._items([list(pair) for pair in value.items()])}

    def _set(self, value: Iterable[Any]) -> Any:
        found = {json.dumps(self._item("item", item), sort_keys=True) for item in value}
        return {"set": [json.loads(text) for text in sorted(found)]}

    def _bytes(self, value: bytes) -> Any:
        return {"bytes": hashlib.sha256(value).hexdigest()}

    def _array(self, value: np.ndarray) -> Any:
        if value.dtype.hasobject:
            return {"shape": list(value.shape), "objects": self._items(value.ravel().tolist())}
        if type(value) not in (np.ndarray, np.memmap):
            return self._once(value, self._object)
        digest = hashlib.sha256(np.ascontiguousarray(value).tobytes()).hexdigest()
        return {"shape": list(value.shape), "dtype": str(value.dtype), "sha256": digest}

    def _dataclass(self, value: Any) -> Any:
        kind = type(value)
        content = {
            field.name: getattr(value, field.name)
            for field in fields(value)
            if not (field.metadata.get("described") and getattr(value, field.name) == field.default)
        }
        described = {"type": kind.__name__, **self._named(content)}
        if sources.home(kind).installed:
            return described
        cached = functools.cached_property
        more = {
            name: item
            for name, item in getattr(value, "__dict__", {}).items()
            if name not in content and not isinstance(getattr_static(kind, name, None), cached)
        }
        return {**described, **self._named(more), "class": self._item("class", kind)}

    def _object(self, value: Any) -> Any:
        """Describe what restores ``value`` when it is pickled."""
        if isinstance(function := getattr(value, "py_func", None), FunctionType):
            return {"compiled": self._item("py_func", function)}  # by Numba
        if callable(value) and hasattr(value, "cache_info"):
            return {"cached": self._item("__wrapped__", value.__wrapped__)}
        registered = copyreg.dispatch_table.get(type(value))
        try:
            reduced = value.__reduce_ex__(2) if registered is None else registered(value)
        except Exception:  # anything, of what is not to be pickled
            return self._unknown(value)
        if isinstance(reduced, str):
            root = sources.root_of(value, reduced)
            return self._unknown(value) if root is None else {"installed": f"{root}.{reduced}"}
        how, arguments, state, items, pairs = (*reduced, None, None, None)[:5]
        parts: dict[str, Any] = {"arguments": arguments}
        parts |= {} if state is None else {"state": state}
        parts |= {} if items is None else {"items": list(items)}
        parts |= {} if pairs is None else {"pairs": list(pairs)}
        return {"object": self._item("__reduce__", how), **self._named(parts)}

    def _partial(self, value: functools.partial[Any]) -> Any:
        parts = {"function": value.func, "arguments": value.args, "keywords": value.keywords}
        return {"partial": self._named(parts)}

    def _method(self, value: MethodType) -> Any:
        return {"method": self._named({"function": value.__func__, "self": value.__self__})}

    def _builtin(self, value: BuiltinFunctionType) -> Any:
        if value.__self__ is None or isinstance(value.__self__, ModuleType):
            root = (value.__module__ or "builtins").partition(".")[0]
            return {"installed": f"{root}.{value.__qualname__}"}
        return {"builtin": value.__name__, "self": self._item("self", value.__self__)}

    def _module(self, value: ModuleType) -> Any:
        return self._used_module(value, set(vars(value)))

    def _used_module(self, value: ModuleType, names: set[str]) -> Any:
        """Describe what is called by one of ``names`` in a module of the user."""
        if sources.home(value).installed:
            return {"installed": value.__name__}
        own = {name: item for name, item in sorted(vars(value).items()) if name in names}
        content = {name: item for name, item in own.items() if not name.startswith("__")}
        used = self._once(value, lambda _: self._uses(content, names))
        return {"module": value.__name__, "uses": used}

    def _uses(self, values: Mapping[str, Any], names: set[str]) -> dict[str, Any]:
        described = {}
        for name, value in values.items():
            self._place.append(name)
            module = isinstance(value, ModuleType)
            described[name] = self._used_module(value, names) if module else self.value(value)
            self._place.pop()
        return described

    def _function(self, value: FunctionType) -> Any:
        return self._once(value, self._new_function)

    def _new_function(self, value: FunctionType) -> Any:
        home = sources.home(value)
        if home.installed and self._place:
            described = {"installed": f"{home.root}.{value.__qualname__}"}
        else:
            code = sources.code_digest(value.__code__)
            described = {"function": value.__qualname__, **code}
        if not home.installed or "<locals>" in value.__qualname__:
            described |= self._carried(value)
        if home.installed:
            return described
        used = {**sources.globals_of(value), **sources.imported_by(value)}
        self._place.append("uses")
        uses = self._uses(used, sources.names_in(value))
        self._place.pop()
        return {**described, "uses": uses} if uses else described

    def _carried(self, value: FunctionType) -> dict[str, Any]:
        """Describe the values that a function carries with it."""
        cells = zip(value.__code__.co_freevars, value.__closure__ or (), strict=True)
        found = {
            "defaults": list(value.__defaults__ or ()),
            "kwdefaults": value.__kwdefaults__ or {},
            "closure": {name: cell.cell_contents for name, cell in cells if _is_filled(cell)},
            "attributes": {k: v for k, v in vars(value).items() if k != "__wrapped__"},
        }
        return self._named({name: values for name, values in found.items() if values})

    def _class(self, value: type) -> Any:
        home = sources.home(value)
        if home.installed:
            return {"installed": f"{home.root}.{value.__qualname__}"}
        return self._once(value, self._new_class)

    def _new_class(self, value: type) -> Any:
        bases = [self._item("bases", base) for base in value.__bases__ if base is not object]
        members = self._named(sources.members(value))
        return {"class": value.__qualname__, "bases": bases, "members": members}


def _is_filled(cell: CellType) -> bool:
    try:
        _ = cell.cell_contents
    except ValueError:
        return False
    return True


KINDS: tuple[tuple[Any, Callable[[Reader, Any], Any]], ...] = (
    (type, Reader._class),
    (Enum, Reader._enum),
    (np.generic, Reader._scalar),
    (float, Reader._number),
    (int, lambda _reader, value: int(value)),
    (str, lambda _reader, value: str.__str__(value)),
    (np.ndarray, Reader._array),
    (set | frozenset, Reader._set),
    (bytes | bytearray, Reader._bytes),
    (FunctionType, Reader._function),
    (MethodType, Reader._method),
    (BuiltinFunctionType, Reader._builtin),
    (functools.partial, Reader._partial),
    (ModuleType, Reader._module),
)
