"""An installation on a file system that is read-only, used by somebody without a home.

Needs root, to mount and to become another user, as in a container.
"""

import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

import pytest

import moe_theory
from moe_theory.cli import main

PACKAGE = Path(moe_theory.__file__).parent
INSIDE = """
mount --bind "$PREFIX" "$PLACE/python" && mount -o remount,bind,ro "$PLACE/python"
mount --rbind "$PLACE" "$PLACE" && mount -o remount,bind,ro "$PLACE"
cd "$OWN"
exec setpriv --reuid=65533 --regid=65533 --clear-groups env -i PATH=/usr/bin:/bin \
  PYTHONPATH="$PLACE:$LIBRARIES" LD_LIBRARY_PATH="$PLACE/python/lib" "$@"
"""
KERNEL = (
    "from moe_theory.kernels.losses import loss_slopes\n"
    "import numpy as np\n"
    "for kind in (np.float32, np.float64):\n"
    "    margins = np.zeros(3, kind)\n"
    "    loss_slopes(margins, 0)\n"
    "    assert (margins == -0.5).all()\n"
)

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        sys.platform != "linux" or os.geteuid() != 0 or not shutil.which("unshare"),
        reason="needs Linux and root",
    ),
]


class Machine:
    """A copy of the package that nobody can write, and a folder for the results of another user."""

    def __init__(self, root):
        self.place, self.own = root / "installed", root / "own"
        for folder in (self.place / "python", self.own):
            folder.mkdir(parents=True)
        for folder in (root, self.place):
            folder.chmod(0o755)
        self.own.chmod(0o777)

    def install(self):
        shutil.copytree(PACKAGE, self.place / "moe_theory")

    def python(self, *arguments, **variables):
        """Run Python there; return it, after checking that it left no folder called "~"."""
        python = f"{self.place}/python/bin/python{sys.version_info[0]}.{sys.version_info[1]}"
        given = [f"{name}={value}" for name, value in variables.items()]
        done = subprocess.run(
            ["unshare", "-m", "bash", "-ec", INSIDE, "bash", *given, python, *arguments],
            env={
                **os.environ,
                "PREFIX": sys.base_prefix,
                "PLACE": str(self.place),
                "OWN": str(self.own),
                "LIBRARIES": sysconfig.get_path("purelib"),
            },
            capture_output=True,
            text=True,
            check=False,
        )
        assert "Traceback" not in done.stderr, done.stderr
        assert not (self.own / "~").exists()
        return done


@pytest.fixture
def machine():
    root = Path(tempfile.mkdtemp())
    yield Machine(root)
    shutil.rmtree(root)


def test_nothing_compiled_and_nowhere_to_keep_it(machine):
    machine.install()
    for folder in machine.place.rglob("__pycache__"):
        shutil.rmtree(folder)
    assert machine.python("-m", "moe_theory", "--version").stdout == f"{moe_theory.__version__}\n"
    used = machine.python("-c", KERNEL)
    assert used.returncode == 0
    assert used.stderr.count("Set NUMBA_CACHE_DIR to a folder that can be written") == 1
    ahead = machine.python("-m", "moe_theory", "compile")
    assert ahead.returncode == 2
    assert "NUMBA_CACHE_DIR must be set to a folder" in ahead.stderr
    where = {"NUMBA_CACHE_DIR": machine.own / "cache"}
    for _ in range(2):
        assert machine.python("-W", "error", "-c", KERNEL, **where).returncode == 0
    assert list((machine.own / "cache").rglob("*-loss_slopes-*.kernel"))


def test_compiled_when_it_was_installed(machine):
    """As in an image: the other user compiles nothing, writes nothing and is told nothing."""
    command = ("train", "--data", "patterns", "--n-train", "20", "--n-epochs", "3", "--quiet")
    assert main(command) == 0
    machine.install()
    done = machine.python("-W", "error", "-m", "moe_theory", *command)
    assert done.returncode == 0
    assert done.stderr == ""
    assert "test error" in done.stdout
    assert not list(machine.own.iterdir())
    refused = machine.python("-m", "moe_theory", *command, "--save", f"{machine.place}/run")
    assert refused.returncode == 2
    assert "--save must be a file in a folder that can be written" in refused.stderr
