"""A file that one run at a time appends to, and that is left whole whatever goes wrong."""

from __future__ import annotations

import errno
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import lock_descriptor

from moe_theory._paths import expanded

READ_ONLY = (errno.EACCES, errno.EPERM, errno.EROFS)
NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP, errno.EINVAL)
BINARY = getattr(os, "O_BINARY", 0)  # or Windows would write line breaks of its own


class StoreError(ValueError):
    """A store that belongs to another experiment, is damaged or in use, or cannot be written."""


class LockWarning(UserWarning):
    """A file system has no locks, so that two runs on one file are not told apart."""


class AppendFile:
    """A locked file that only grows; one that cannot be written is read.

    Parameters
    ----------
    path : path
        The file; made, with its folders, if it does not exist.

    Raises
    ------
    StoreError
        If it is open elsewhere, or cannot be read.

    Attributes
    ----------
    torn_at : int or None
        Where the whole lines end, if a part of one stands behind them: the next `append` cuts it.
    refused : OSError or None
        Why the file cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> file = AppendFile(Path(tempfile.mkdtemp()) / "rows.jsonl")
    >>> file.append(b"a line")
    >>> file.read()
    b'a line'
    >>> file.close()
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = expanded(path)
        self.refused: OSError | None = None
        self.torn_at: int | None = None
        self._descriptor = -1
        with self._told("opened"):
            self._descriptor = self._open()
        try:
            if self.refused is None:
                self._lock()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Release the file; a second call does nothing."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def read(self) -> bytes:
        """Return all of it."""
        with self._told("read"), open(self._descriptor, "rb", closefd=False) as file:
            file.seek(0)
            return file.read()

    def append(self, content: bytes) -> None:
        """Write ``content`` at the end and see it to the disk; if that fails, leave no part."""
        self.check_writable()
        with self._told("written"):
            if self.torn_at is not None:
                os.ftruncate(self._descriptor, self.torn_at)
            self.torn_at = os.fstat(self._descriptor).st_size
            try:
                left = content
                while left:
                    left = left[os.write(self._descriptor, left) :]
                os.fsync(self._descriptor)
            except BaseException:
                with suppress(OSError):  # if this fails as well, the next one begins with it
                    os.ftruncate(self._descriptor, self.torn_at)
                raise
            self.torn_at = None

    def check_writable(self) -> None:
        """Raise `StoreError` if nothing can be appended."""
        if self.refused is not None:
            raise StoreError(f"{self.path} cannot be written: {self.refused.strerror}")

    def _open(self) -> int:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            return os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND | BINARY, 0o666)
        except OSError as error:
            if error.errno not in READ_ONLY or not self.path.is_file():
                raise
            self.refused = error
            return os.open(self.path, os.O_RDONLY | BINARY)

    def _lock(self) -> None:
        try:
            locked = lock_descriptor(self._descriptor, blocking=False)
        except OSError as error:
            if error.errno not in NO_LOCKS:
                raise StoreError(f"{self.path} cannot be locked: {error.strerror}") from error
            warnings.warn(
                f"the file system of {self.path} has no locks ({error.strerror}): see to it that "
                "no other run uses this file at the same time",
                LockWarning,
                stacklevel=2,
            )
            return
        if not locked:
            message = f"{self.path} is in use by another run; wait for it, or choose another path"
            raise StoreError(message)

    @contextmanager
    def _told(self, what: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise StoreError(f"{self.path} cannot be {what}: {error.strerror}") from error


def read_file(path: Path) -> bytes:
    """Return the bytes of ``path``, which nobody needs to be able to write.

    Raises
    ------
    StoreError
        If it cannot be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise StoreError(f"{path} cannot be read: {error.strerror}") from error
