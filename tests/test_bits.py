"""The same bits whatever the processor, the BLAS, the libm, and the vectors that NumPy uses.

The digests of `battery.py` are computed in processes of their own and compared with the committed
ones. What the compiler is told is varied by Numba's variables, what libraries find by theirs. A
target of the compiler has a cache of its own; library settings of one target share it, since no
library's code is in it.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from numpy._core._multiarray_umath import __cpu_dispatch__, __cpu_features__

HERE = Path(__file__).parent
NEEDS = {
    "generic": (),
    "haswell": ("avx2", "fma"),
    "skylake-avx512": ("avx512f", "avx512vl", "avx512dq", "avx512bw"),
    "znver4": ("avx512f", "avx512vl", "avx512dq", "avx512bw"),
}
AVX2, AVX512 = "+avx,+avx2,+fma", ",+avx512f,+avx512vl,+avx512dq,+avx512bw"
LIBRARIES = {
    "another BLAS": {"OPENBLAS_CORETYPE": "Haswell"},
    "an old BLAS": {"OPENBLAS_CORETYPE": "Prescott"},
    "short vectors in NumPy": {
        "NPY_DISABLE_CPU_FEATURES": " ".join(n for n in __cpu_dispatch__ if __cpu_features__[n])
    },
    "libm without FMA": {"GLIBC_TUNABLES": "glibc.cpu.hwcaps=-FMA,-FMA4,-AVX2"},
}
PLAIN = {"libraries as they are": {}}
OLD = {
    "old libraries": {name: value for each in LIBRARIES.values() for name, value in each.items()}
}


def battery_differs(settings, cache=None):
    """Return what the battery says in a process under ``settings``, or None if nothing differs."""
    environment = {**os.environ, "PYTHONPATH": str(HERE.parent), **settings}
    if cache is not None:
        environment["NUMBA_CACHE_DIR"] = str(cache)
    done = subprocess.run(
        [sys.executable, HERE / "battery.py", HERE / "battery.json"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    return (done.stdout or done.stderr) if done.returncode else None


def check(target, cache, libraries):
    said = {name: battery_differs({**target, **each}, cache) for name, each in libraries.items()}
    told = "\n".join(f"{name}: {text}" for name, text in said.items() if text)
    assert not told, told


def has(*features):
    file = Path("/proc/cpuinfo")
    flags = file.read_text().split() if file.is_file() else []
    return set(features) <= set(flags)


def need(*features):
    """Skip where the processor lacks one of the features."""
    if not has(*features):
        pytest.skip(f"this processor lacks one of {', '.join(features)}")


def test_bits_are_the_committed_ones():
    """On this processor, by the kernels that the other tests use."""
    assert battery_differs({}) is None


@pytest.mark.slow
@pytest.mark.parametrize("name", [*LIBRARIES, *OLD], ids=lambda name: name.replace(" ", "_"))
def test_libraries(name):
    """Under every library setting alone, and all together; kernels as the other tests use."""
    assert battery_differs({**LIBRARIES, **OLD}[name]) is None


@pytest.mark.slow
@pytest.mark.parametrize("name", NEEDS)
def test_target(name, tmp_path):
    """The compiler told of another processor; `generic` has no fused multiply-add."""
    need(*NEEDS[name])
    features = {"generic": "", "haswell": AVX2}.get(name, AVX2 + AVX512)
    check({"NUMBA_CPU_NAME": name, "NUMBA_CPU_FEATURES": features}, tmp_path, {**PLAIN, **OLD})


@pytest.mark.slow
@pytest.mark.parametrize("name", ["skylake-avx512", "znver4"])
def test_tuning(name, tmp_path):
    """The order of instructions of such a processor, where `test_target` must skip it."""
    need(*NEEDS["haswell"])
    if has(*NEEDS[name]):
        pytest.skip("the target itself is tested")
    target = {"NUMBA_CPU_NAME": name, "NUMBA_CPU_FEATURES": f"{AVX2},-avx512f"}
    check(target, tmp_path, {**PLAIN, **OLD})
