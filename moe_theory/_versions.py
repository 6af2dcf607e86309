"""What a result's bits can depend on."""

from __future__ import annotations

import platform
from functools import cache
from importlib.metadata import version

from moe_theory._version import __version__


def versions() -> dict[str, str]:
    """Return the versions that can change a result's bits.

    Examples
    --------
    >>> sorted(versions())
    ['machine', 'moe_theory', 'numba', 'numpy', 'python', 'scipy']
    """
    return dict(_found())


@cache
def _found() -> tuple[tuple[str, str], ...]:
    found = [("moe_theory", __version__)]
    found += [(name, version(name)) for name in ("numba", "numpy", "scipy")]
    found += [("python", platform.python_version()), ("machine", platform.machine())]
    return tuple(found)
