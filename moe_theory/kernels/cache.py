"""Where compiled kernels are kept, and how it is known that one may be used.

Numba's own cache renews a kernel when the kernel's file changes, but not when one that it calls
does; it trusts what it reads; and it refuses to import where it can write nowhere. Here the name of
a file says all that was compiled into it, its content carries a checksum, and a machine where
nothing can be written compiles in every process, and says so once.
"""

import hashlib
import os
import pickle
import sys
import tempfile
import uuid
import warnings
from functools import lru_cache
from pathlib import Path

import llvmlite
import numba
from numba.core.caching import NullCache
from numba.core.compiler import CompileResult
from numba.core.serialize import dumps
from numba.misc.appdirs import AppDirs

HERE = Path(__file__).parent
PYTHON = sys.implementation.cache_tag
CHECKED = hashlib.sha256().digest_size

_warned: list[bool] = []


def folders(sources: Path = HERE) -> list[Path]:
    """Return where compiled kernels of the folder ``sources`` are looked for, the first one first.

    They are kept in the first of them that can be written: below ``NUMBA_CACHE_DIR`` if that is
    set, beside the sources, or in the user's own folder of caches if there is one.
    """
    own = f"{sources.name}_{hashlib.sha256(os.fsencode(sources)).hexdigest()[:16]}"
    personal = AppDirs("numba", appauthor=False).user_cache_dir
    found = [sources / "__pycache__"]
    if given := getattr(numba.config, "CACHE_DIR", ""):
        found.insert(0, Path(given).absolute() / own)
    # Without a home, "~" stays as it is.
    if os.path.isabs(personal):
        found.append(Path(personal) / own)
    return found


def writable(sources: Path = HERE) -> Path | None:
    """Return the folder in which compiled kernels are kept, or None if there is none."""
    for folder in folders(sources):
        try:
            folder.mkdir(parents=True, exist_ok=True)
            tempfile.TemporaryFile(dir=folder).close()
        except OSError:
            continue
        return folder
    return None


def forget_others(sources: Path = HERE) -> int:
    """Delete what this Python compiled from other sources; return how many files that were."""
    n_deleted = 0
    for folder in folders(sources):
        for path in folder.glob(f"*.{PYTHON}.*.kernel"):
            if path.name.split(".")[-3] != digest(sources):
                try:
                    path.unlink()
                except OSError:
                    continue
                n_deleted += 1
    return n_deleted


def read_digest(sources: Path) -> str:
    """Return a digest of all that kernels in the folder ``sources`` are compiled from, and by."""
    whole = hashlib.sha256(f"{numba.__version__} {llvmlite.__version__}".encode())
    for path in sorted({*HERE.glob("*.py"), *sources.glob("*.py")}):
        content = path.read_bytes()
        whole.update(f"{path.name} {len(content)}\n".encode() + content)
    return whole.hexdigest()[:16]


# Read when the first kernel is made, so that it is that of the code that runs.
digest = lru_cache(read_digest)


class KernelCache(NullCache):
    """Compiled forms of one kernel, one for each type of its arguments and each processor."""

    def __init__(self, function):
        file = Path(function.__code__.co_filename).absolute()
        # What is typed at a prompt has no file.
        self._kept = file.is_file() and function.__closure__ is None
        self._sources = file.parent
        if self._kept:
            line = function.__code__.co_firstlineno
            made = f"{file.stem}-{function.__qualname__}-{line}.{PYTHON}.{digest(self._sources)}"
            self._start = made.replace("<", "").replace(">", "")

    @property
    def cache_path(self):
        """Return the first folder that is looked into."""
        return str(folders(self._sources)[0])

    def load_overload(self, sig, target_context):
        """Return the compiled form for arguments ``sig``, or None if there is no sound file."""
        if not self._kept:
            return None
        target_context.refresh()
        name = self._name(sig, target_context.codegen())
        for folder in folders(self._sources):
            content = _read(folder / name)
            if content is not None:
                return CompileResult._rebuild(target_context, *pickle.loads(content))
        return None

    def save_overload(self, sig, data):
        """Keep the compiled form ``data`` for arguments ``sig``, if it can be kept."""
        if not self._kept or data.lifted or data.library.has_dynamic_globals:
            return
        # A source that was edited in the meantime is not what was compiled.
        if read_digest(self._sources) != digest(self._sources):
            return
        content, name = dumps(data._reduce()), self._name(sig, data.codegen)
        tried = folders(self._sources)
        if not any(_write(folder / name, content) for folder in tried):
            _warn(tried)

    def _name(self, sig, codegen):
        target = f"{sig} {codegen.magic_tuple()}"
        return f"{self._start}.{hashlib.sha256(target.encode()).hexdigest()[:16]}.kernel"


def _read(path):
    """Return what was written to a file, or None if it is missing or not as it was written."""
    try:
        content = path.read_bytes()
    except OSError:
        return None
    checksum, content = content[:CHECKED], content[CHECKED:]
    return content if hashlib.sha256(content).digest() == checksum else None


def _write(path, content):
    """Write a file that appears whole or not at all; return whether it is there."""
    draft = path.with_name(f"{uuid.uuid4().hex}.draft")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            draft.write_bytes(hashlib.sha256(content).digest() + content)
            os.replace(draft, path)
        finally:
            draft.unlink(missing_ok=True)
    except OSError:
        # On Windows, a file that another process reads cannot be replaced: it is the same.
        return _read(path) is not None
    return True


def _warn(tried):
    if not _warned:
        _warned.append(True)
        warnings.warn(
            "compiled kernels cannot be kept, so that every process compiles them anew, for up "
            "to minutes. Set NUMBA_CACHE_DIR to a folder that can be written; now tried: "
            + ", ".join(map(str, tried)),
            RuntimeWarning,
            stacklevel=2,
        )
