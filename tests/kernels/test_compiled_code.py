"""Compiled kernels leave neither the order of sums nor their functions to anybody.

This holds for processors that are not at hand, too: without fast-math flags LLVM gives every
operation its one result, so that only functions of other libraries could differ.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parent / "compiled_code.py"


@pytest.mark.slow
def test_no_freedom_is_left(tmp_path):
    root = str(SCRIPT.parents[2])
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path), "PYTHONPATH": root}
    done = subprocess.run(
        [sys.executable, SCRIPT], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout == ""
    assert int(done.stderr.split()[-3]) > 200
