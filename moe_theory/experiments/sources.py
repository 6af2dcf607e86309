"""Which code a function runs, and which names it looks up elsewhere."""

from __future__ import annotations

import ast
import dis
import functools
import hashlib
import importlib
import inspect
import linecache
import sys
import sysconfig
import textwrap
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, is_dataclass
from enum import Enum
from pathlib import Path
from types import CodeType, FunctionType, GetSetDescriptorType, MemberDescriptorType, ModuleType
from typing import Any

LOOK_UP = {"LOAD_GLOBAL", "LOAD_NAME", "LOAD_FROM_DICT_OR_GLOBALS"}
PACKAGE = Path(__file__).parents[1]
INSTALLED = ("site-packages", "dist-packages")
HEAP_TYPE = 1 << 9
DOCUMENTED = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
DESCRIPTORS = (GetSetDescriptorType, MemberDescriptorType)
# What `dataclass` writes follows from the fields, whose values an instance holds.
MADE = {"__init__", "__eq__", "__hash__", "__setattr__", "__delattr__", "__replace__"}
MADE |= {"__lt__", "__le__", "__gt__", "__ge__", "__getstate__", "__setstate__"}


def code_digest(code: CodeType) -> dict[str, str]:
    """Return a digest of the source of ``code``, or of its bytecode where that is not known.

    Docstrings do not count.

    Source that was changed after it was read is not the source of what runs. It is found out by
    compiling it.

    Examples
    --------
    >>> list(code_digest(compile("1 + 1", "<nowhere>", "eval")))
    ['bytecode', 'python']
    """
    source = _source(code)
    if source is not None:
        return {"sha256": hashlib.sha256(_bare(source).encode()).hexdigest()}
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    return {"bytecode": hashlib.sha256(_bytecode(code).encode()).hexdigest(), "python": python}


@dataclass(frozen=True)
class Home:
    """The package that something is defined in, and whether it is one that was installed."""

    root: str
    installed: bool


def home(thing: FunctionType | type | ModuleType) -> Home:
    """Return where ``thing`` is defined; Python and this package count as installed.

    Examples
    --------
    >>> home(ast), home(home)
    (Home(root='ast', installed=True), Home(root='moe_theory', installed=True))
    """
    if isinstance(thing, type):
        return _home_of_class(thing)
    content = thing.__globals__ if isinstance(thing, FunctionType) else vars(thing)
    name = str(content.get("__name__", ""))
    return Home(name.partition(".")[0], _is_installed(name, content.get("__file__")))


def _home_of_class(kind: type) -> Home:
    root = kind.__module__.partition(".")[0]
    if not kind.__flags__ & HEAP_TYPE:  # written in C
        return Home(root, True)
    module = sys.modules.get(kind.__module__)
    found: Any = module
    for name in kind.__qualname__.split("."):
        found = getattr(found, name, None)
    file = getattr(module, "__file__", None)
    return Home(root, found is kind and _is_installed(kind.__module__, file))


@functools.lru_cache(maxsize=1024)
def _is_installed(name: str, file: str | None) -> bool:
    if file is None:
        return name != "__main__" and name.partition(".")[0] in sys.stdlib_module_names
    path = Path(file).absolute()
    folders = (PACKAGE, *(Path(sysconfig.get_path(kind)) for kind in ("stdlib", "platstdlib")))
    if any(part in INSTALLED for part in path.parts) or any(map(path.is_relative_to, folders)):
        return True
    root = name.partition(".")[0]
    inside = [folder.parent for folder in path.parents if folder.name == root]
    return any(_is_recorded(root, folder) for folder in (*inside, path.parent))


@functools.lru_cache(maxsize=256)
def _is_recorded(root: str, folder: Path) -> bool:
    """Whether an installer put ``root`` into a folder of another name (`pip install --target`)."""
    return any(
        line.startswith((f"{root}/", f"{root}."))
        for record in folder.glob("*.dist-info/RECORD")
        for line in record.read_text(encoding="utf-8", errors="replace").splitlines()
    )


def root_of(value: Any, name: str) -> str | None:
    """Return the installed package in which ``value`` is called ``name``, if there is one.

    Examples
    --------
    >>> import numpy
    >>> root_of(numpy.sqrt, "sqrt"), root_of(numpy.frompyfunc(abs, 1, 1), "abs (vectorized)")
    ('numpy', None)
    """
    roots = {
        known.partition(".")[0]
        for known, module in list(sys.modules.items())
        if isinstance(module, ModuleType)
        and vars(module).get(name) is value
        and _is_installed(known, getattr(module, "__file__", None))
    }
    return min(roots, default=None)


def members(kind: type) -> dict[str, Any]:
    """Return what the body of a class defines, without what Python adds to it.

    Examples
    --------
    >>> list(members(Home))
    []
    """
    if issubclass(kind, Enum):
        return {name: member.value for name, member in kind.__members__.items()} | {
            name: member for name, member in vars(kind).items() if isinstance(member, FunctionType)
        }
    own = {name: _unwrapped(member) for name, member in sorted(vars(kind).items())}
    return {name: member for name, member in own.items() if _counts(kind, name, member)}


def _unwrapped(member: Any) -> Any:
    if isinstance(member, staticmethod | classmethod):
        return member.__func__
    if isinstance(member, property):
        return member.fget, member.fset
    return member.func if isinstance(member, functools.cached_property) else member


def _counts(kind: type, name: str, member: Any) -> bool:
    """Whether a member of a class was written there and can change what it does."""
    if (
        name in ("_abc_impl", "__repr__")
        or name.startswith("__annot")
        or isinstance(member, DESCRIPTORS)
    ):
        return False
    if not name.startswith("__"):
        return True
    made = is_dataclass(kind) and name in MADE
    return isinstance(member, FunctionType) and not (
        made and member.__code__.co_filename == "<string>"
    )


def globals_of(function: FunctionType) -> dict[str, Any]:
    """Return the values of the global names that ``function`` looks up, its inner ones too.

    Examples
    --------
    >>> list(globals_of(globals_of))
    ['LOOK_UP', '_all_codes', 'dis']
    """
    known = function.__globals__
    names = {
        str(step.argval)
        for code in _all_codes(function.__code__)
        for step in dis.get_instructions(code)
        if step.opname in LOOK_UP
    }
    return {name: known[name] for name in sorted(names) if name in known}


def imported_by(function: FunctionType) -> dict[str, ModuleType]:
    """Return the modules that ``function`` imports when it runs, as far as there are such."""
    found = {}
    package = function.__globals__.get("__package__") or None
    for code in _all_codes(function.__code__):
        steps = [step for step in dis.get_instructions(code) if step.opname != "EXTENDED_ARG"]
        for at, step in enumerate(steps):
            if step.opname == "IMPORT_NAME":
                dots = "." * int(steps[at - 2].argval)
                # Where it fails, it fails there, too, or never runs.
                with suppress(Exception):
                    module = importlib.import_module(f"{dots}{step.argval}", package)
                    found[module.__name__] = module
    return dict(sorted(found.items()))


def names_in(function: FunctionType) -> set[str]:
    """Return all names in ``function``, attributes too."""
    return {name for code in _all_codes(function.__code__) for name in code.co_names}


def _all_codes(code: CodeType) -> Iterator[CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _all_codes(constant)


def _source(code: CodeType) -> str | None:
    """Return the source of ``code``, if it is known for sure."""
    linecache.checkcache(code.co_filename)
    whole = "".join(linecache.getlines(code.co_filename))
    if not whole or code not in _compiled(whole, code.co_filename):
        return None
    if code.co_name == "<lambda>":
        return _lambda_source(whole, code)
    try:
        return inspect.getsource(code)
    except (OSError, TypeError, SyntaxError):
        return None


@functools.lru_cache(maxsize=64)
def _compiled(source: str, filename: str) -> frozenset[CodeType]:
    try:
        return frozenset(_all_codes(compile(source, filename, "exec", dont_inherit=True)))
    except (SyntaxError, ValueError):
        return frozenset()


def _bare(source: str) -> str:
    """Return the lines of ``source`` that are no docstring's."""
    try:
        tree = ast.parse(textwrap.dedent(source))
    except SyntaxError:  # a lambda, cut out of its line
        return source
    lines = source.splitlines(keepends=True)
    for node in ast.walk(tree):
        if isinstance(node, DOCUMENTED) and ast.get_docstring(node, clean=False) is not None:
            text = node.body[0]
            if text.lineno > node.lineno and text.end_lineno is not None:
                lines[text.lineno - 1 : text.end_lineno] = [""] * (
                    text.end_lineno - text.lineno + 1
                )
    return "".join(lines)


def _lambda_source(whole: str, code: CodeType) -> str | None:
    """Return the text of one lambda; a line may hold many."""
    here = [
        node
        for node in ast.walk(ast.parse(whole))
        if isinstance(node, ast.Lambda) and node.lineno == code.co_firstlineno
    ]
    if len(here) > 1:
        places = set(code.co_positions())
        here = [node for node in here if _place(node.body) in places]
    return ast.get_source_segment(whole, here[0]) if len(here) == 1 else None


def _place(node: ast.expr) -> tuple[int | None, ...]:
    return node.lineno, node.end_lineno, node.col_offset, node.end_col_offset


def _bytecode(code: CodeType) -> str:
    constants = [
        _bytecode(value) if isinstance(value, CodeType) else _constant(value)
        for value in code.co_consts
    ]
    names = (code.co_names, code.co_varnames, code.co_freevars, code.co_cellvars)
    counts = (code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount, code.co_flags)
    return repr((code.co_code, constants, names, counts))


def _constant(value: object) -> str:
    if isinstance(value, frozenset):
        return f"frozenset({sorted(map(_constant, value))})"
    if isinstance(value, tuple):
        return f"({', '.join(map(_constant, value))})"
    return repr(value)
