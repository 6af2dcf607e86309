"""Cores are those that the process may use."""

import builtins
import io
import os
import subprocess
import sys

import pytest

from moe_theory._cores import n_cores
from moe_theory.experiments.schedule import count_workers

FILES = {
    "v2": {"/sys/fs/cgroup/cpu.max": "150000 100000"},
    "v1": {
        "/sys/fs/cgroup/cpu/cpu.cfs_quota_us": "150000",
        "/sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000",
    },
    "v2 without a quota": {"/sys/fs/cgroup/cpu.max": "max 100000"},
}


@pytest.mark.parametrize(("version", "expected"), [("v1", 2), ("v2", 2), ("v2 without a quota", 8)])
def test_quotas_of_containers(version, expected, monkeypatch):
    files, exists, opened = FILES[version], os.path.exists, builtins.open

    def there(path):
        return path in files if str(path).startswith("/sys/fs/cgroup") else exists(path)

    def read(path, *args, **options):
        return io.StringIO(files[path]) if path in files else opened(path, *args, **options)

    monkeypatch.delenv("LOKY_MAX_CPU_COUNT", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 8)
    monkeypatch.setattr(os, "process_cpu_count", lambda: 8, raising=False)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)), raising=False)
    monkeypatch.setattr(os.path, "exists", there)
    monkeypatch.setattr(builtins, "open", read)
    assert (n_cores(), count_workers()) == (expected, expected)


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="no affinity on this system")
def test_affinity():
    """As of `taskset` or of a batch queue: one core, one thread."""
    script = (
        "import os; os.sched_setaffinity(0, [min(os.sched_getaffinity(0))])\n"
        "import threading\n"
        "from moe_theory import DenseCNN, PatchPatterns, SGD, train_many\n"
        "from moe_theory._cores import n_cores\n"
        "from moe_theory.experiments.schedule import count_workers\n"
        "data = PatchPatterns(4, 6, 8).sample(9, 0)\n"
        "used = train_many(DenseCNN(2), data, SGD(0.1, 9, n_steps=1), range(20),\n"
        "                  reduce=lambda run: threading.get_ident())\n"
        "print(n_cores(), count_workers(), len(set(used)))"
    )
    said = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    ).stdout
    assert said.split() == ["1", "1", "1"]
