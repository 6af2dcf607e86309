"""How many cores this process may use."""

from __future__ import annotations

import joblib


def n_cores() -> int:
    """Return the number of cores left by CPU affinity and by the quota of a container.

    The environment variable ``LOKY_MAX_CPU_COUNT`` lowers it further.

    Examples
    --------
    >>> import os
    >>> 1 <= n_cores() <= os.cpu_count()
    True
    """
    return int(joblib.cpu_count())
