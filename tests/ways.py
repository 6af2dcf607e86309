"""Functions of one value, by every way in which a function can depend on it."""

import enum
import functools
import threading
import types
from dataclasses import dataclass

import numba

from moe_theory.experiments import measurements


def below(limit):
    def measure(run, test, train):
        return {"below": run.error(test) < limit}

    return measure


def with_default(limit):
    def measure(run, test, train, limit=limit):
        return {"below": run.error(test) < limit}

    return measure


def with_keyword(limit):
    def measure(run, test, train, *, limit=limit):
        return {"below": run.error(test) < limit}

    return measure


def with_attribute(limit):
    def measure(run, test, train):
        return {"below": run.error(test) < measure.limit}

    measure.limit = limit
    return measure


class Plain:
    def __init__(self, limit):
        self.limit = limit

    def method(self, run, test, train):
        return {"below": run.error(test) < self.limit}

    def __call__(self, run, test, train):
        return self.method(run, test, train)


class Slotted:
    __slots__ = ("limit",)

    def __init__(self, limit):
        self.limit = limit

    def __call__(self, run, test, train):
        return {"below": run.error(test) < self.limit}


@dataclass(frozen=True)
class Data:
    limit: object

    def __call__(self, run, test, train):
        return {"below": run.error(test) < self.limit}


class Size(enum.Enum):
    SMALL = 0.5
    LARGE = 0.9


def plain_measure(limit, run, test, train):
    return {"below": run.error(test) < limit}


def of_source(source, **values):
    """Return ``measure`` of a source that no file holds, as in a terminal."""
    content = {"__name__": "__main__", **values}
    exec(source, content)
    return content["measure"]


def of_global(limit):
    return of_source("def measure(run, test, train):\n    return {'b': run.error(test) < limit}",
                     limit=limit)  # fmt: skip


def of_helper(limit):
    source = f"def helper(run, test):\n    return run.error(test) < {limit}\n"
    return of_source(source + "def measure(run, test, train):\n    return {'b': helper(run, test)}")


def of_class(limit):
    source = f"class Own:\n    def __call__(self, run, test, train):\n        return {limit}\n"
    return of_source(source + "measure = Own()")


def of_base(limit):
    source = f"class Base:\n    def __call__(self, run, test, train):\n        return {limit}\n"
    return of_source(source + "class Own(Base):\n    pass\nmeasure = Own()")


def of_inner(limit):
    source = (
        "def measure(run, test, train):\n    def inner():\n        return limit\n    return inner()"
    )
    return of_source(source, limit=limit)


def of_module(limit):
    module = types.ModuleType("mine")
    module.deep = types.ModuleType("mine.deep")
    module.deep.limit, module.other = limit, threading.Lock()
    source = "def measure(run, test, train):\n    return {'b': mine.deep.limit}"
    return of_source(source, mine=module)


def of_compiled(limit):
    return numba.njit(lambda error: error < limit)


def decorated(limit):
    def decorate(function):
        @functools.wraps(function)
        def wrapper(*arguments):
            return {**function(*arguments), "limit": limit}

        return wrapper

    return decorate(measurements)


WAYS = {
    "closure": below,
    "closure of a closure": lambda limit: functools.wraps(plain_measure)(below(limit)),
    "default": with_default,
    "keyword default": with_keyword,
    "attribute of a function": with_attribute,
    "bound method": lambda limit: Plain(limit).method,
    "bound method of a dataclass": lambda limit: Data(limit).__call__,
    "callable object": Plain,
    "callable with slots": Slotted,
    "callable dataclass": Data,
    "partial": lambda limit: functools.partial(plain_measure, limit),
    "partial by keyword": lambda limit: functools.partial(with_keyword(0.1), limit=limit),
    "decorator": decorated,
    "cached": lambda limit: functools.lru_cache(below(limit)),
    "compiled": of_compiled,
    "global": of_global,
    "helper": of_helper,
    "inner function": of_inner,
    "module of the user": of_module,
    "class": of_class,
    "base class": of_base,
    "lambda of a value": lambda limit: lambda *_: limit,
    "no source": lambda limit: of_source(f"measure = lambda *_: {limit}"),
    "no source, other names": lambda limit: of_source(
        f"measure = lambda run, *_: run.{'error' if limit == 0.5 else 'weights'}"
    ),
    "default of a partial": lambda limit: functools.partial(with_default(limit)),
}
