"""How much memory there is: what cannot fit is refused before any work."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

# Of a bootstrap: far more than an interval needs, and few enough to fit.
MOST_RESAMPLES = 10**6
# Limits of a container: control groups, version 2 and version 1.
_LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")


@lru_cache(maxsize=1)
def total_memory() -> int:
    """Return the bytes of memory that this process may use, of the machine or its container.

    Where the system does not tell, it is all that can be addressed.

    Examples
    --------
    >>> total_memory() > 2**20
    True
    """
    return min(_limits())


def _limits() -> Iterator[int]:
    yield sys.maxsize
    with suppress(AttributeError, ValueError, OSError):  # Windows has no sysconf
        yield os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    for path in _LIMITS:
        with suppress(OSError, ValueError):  # no such file, or "max"
            yield int(Path(path).read_text(encoding="utf-8"))


def check_fits(field: str, value: object, n_bytes: int, what: str) -> None:
    """Raise ``ValueError`` naming ``field`` if ``what`` takes more memory than there is.

    Examples
    --------
    >>> check_fits("n_samples", 4, 2**70, "a sample")
    Traceback (most recent call last):
    ...
    ValueError: n_samples must be such that a sample fits into ...
    """
    if n_bytes > (total := total_memory()):
        raise ValueError(
            f"{field} must be such that {what} fits into {_gib(total)} of memory; "
            f"got {value!r}, which takes {_gib(n_bytes)}"
        )


def _gib(n_bytes: int) -> str:
    return f"{n_bytes / 2**30:,.3g} GiB"
