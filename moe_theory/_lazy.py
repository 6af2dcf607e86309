"""Names that a package imports when they are first used: the compiler alone takes half a second."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any


def lazily(
    package: str, homes: Mapping[str, str]
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Return ``__getattr__`` and ``__dir__`` for the package called ``package``.

    Parameters
    ----------
    package : str
        Its ``__name__``.
    homes : mapping of str to str
        Modules, as relative imports name them, and the names that come from each, with spaces
        between them. None of these may be that of a module of the package.

    Examples
    --------
    >>> get, names = lazily("moe_theory", {".costs": "Flops"})
    >>> get("Flops").__module__, names()
    ('moe_theory.costs.training', ['Flops', 'costs'])
    """
    home_of = {name: home for home, names in homes.items() for name in names.split()}

    def get(name: str) -> Any:
        if f".{name}" in homes:
            return import_module(f".{name}", package)
        if name not in home_of:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(import_module(home_of[name], package), name)

    modules = [home[1:] for home in homes if not home.startswith("..")]
    return get, lambda: sorted({*modules, *home_of})
