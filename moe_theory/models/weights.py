"""The parameters of a network and how their initial values are drawn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from moe_theory._memory import check_fits
from moe_theory._paths import PathLike
from moe_theory._random import Seed, normals, stream
from moe_theory._validation import integer, read_only, reject
from moe_theory.files import read, write

NAMES = ("experts", "output", "routers", "bias")
MAY_BE_NONE = ("routers", "bias")


@dataclass(frozen=True, eq=False)
class Weights:
    """The parameters of one network.

    Attributes
    ----------
    experts : array, shape (m, d)
        Hidden weights w_r; the units of expert s are rows s·m/k to (s+1)·m/k.
    output : array, shape (m,)
        Output weights a_r, fixed in training.
    routers : array, shape (k, d), or None
        Routing weights w_s; None for a dense network.
    bias : array, shape (k,), or None
        What is added to the gates of a `TokenChoiceMoE` for the choice of experts, see `SGD`; None
        where there is none.

    Raises
    ------
    TypeError
        If one is no NumPy array of floating-point numbers.
    ValueError
        If shapes disagree.

    Examples
    --------
    >>> Weights(np.ones((4, 3)), np.ones(4), np.ones((2, 3))).routers.shape
    (2, 3)
    """

    experts: NDArray[np.floating[Any]]
    output: NDArray[np.floating[Any]]
    routers: NDArray[np.floating[Any]] | None = None
    bias: NDArray[np.floating[Any]] | None = None

    def __post_init__(self) -> None:
        for name in NAMES:
            value = getattr(self, name)
            if value is None and name in MAY_BE_NONE:
                continue
            if not isinstance(value, np.ndarray) or not np.issubdtype(value.dtype, np.floating):
                given = getattr(value, "dtype", type(value).__name__)
                raise TypeError(
                    f"{name} must be a NumPy array of floating-point numbers; got {given}"
                )
            object.__setattr__(self, name, read_only(value))
        if self.experts.ndim != 2:
            raise reject("experts.shape", self.experts.shape, "(m, d)")
        n_hidden, patch_dim = self.experts.shape
        if self.output.shape != (n_hidden,):
            raise reject("output.shape", self.output.shape, f"({n_hidden},), one per hidden unit")
        shape = None if self.routers is None else self.routers.shape
        if shape is not None and (len(shape) != 2 or shape[1] != patch_dim):
            raise reject("routers.shape", shape, f"(k, {patch_dim}), as d of the experts")
        if self.bias is not None and (shape is None or self.bias.shape != shape[:1]):
            allowed = "None without routers" if shape is None else f"({shape[0]},), one per router"
            raise reject("bias.shape", self.bias.shape, allowed)

    def save(self, path: PathLike) -> None:
        """Write the weights to one file, without pickle, of exactly this name.

        Parameters
        ----------
        path : path
            Of the file; "~" is your home. Folders are made; what was there before is replaced, at
            once, so that a kill leaves the old file or the new one.

        Examples
        --------
        >>> import tempfile
        >>> path = tempfile.mkdtemp() + "/weights.npz"
        >>> Weights(np.ones((4, 3)), np.ones(4)).save(path)
        >>> Weights.load(path).experts.shape
        (4, 3)
        """
        write(path, "Weights", {}, self.arrays())

    @classmethod
    def load(cls, path: PathLike) -> Weights:
        """Read what `save` wrote, on any machine: the same bits.

        Raises
        ------
        FileError
            If the file is damaged, holds something else, or was written by a newer version.
        OSError
            If it cannot be read.
        """
        return read(path, "Weights", lambda _, arrays: cls.of_arrays(arrays))

    def astype(self, dtype: Any) -> Weights:
        """Return the weights in another type of floating-point numbers."""
        return Weights(**{name: array.astype(dtype) for name, array in self.arrays().items()})

    def arrays(self, prefix: str = "") -> dict[str, NDArray[np.floating[Any]]]:
        """Return the arrays that there are, by name."""
        named = {prefix + name: getattr(self, name) for name in NAMES}
        return {name: array for name, array in named.items() if array is not None}

    @classmethod
    def of_arrays(cls, arrays: dict[str, NDArray[Any]], prefix: str = "") -> Weights:
        """Return the weights that `arrays` has named."""
        return cls(
            arrays[f"{prefix}experts"],
            arrays[f"{prefix}output"],
            **{name: arrays.get(prefix + name) for name in MAY_BE_NONE},
        )


def alternating(size: int) -> NDArray[np.float64]:
    """Return +1, −1, +1, … in turn.

    Examples
    --------
    >>> alternating(3)
    array([ 1., -1.,  1.])
    """
    return np.where(np.arange(size) % 2 == 0, 1.0, -1.0)


def draw_output(kind: str, n_hidden: int, seed: Seed) -> NDArray[np.float64]:
    """Return m output weights, ±1 in turn, or "ones", or of the kind "gaussian" from N(0, 1)."""
    if kind == "gaussian":
        return normals(stream(seed, "output"), n_hidden)
    if kind == "ones":
        return np.ones(n_hidden)
    return alternating(n_hidden)


def draw_gaussian(
    std: float, shape: tuple[int, int], seed: Seed, stream_name: str
) -> NDArray[np.float64]:
    """Return independent draws from N(0, std²), of as many rows as the field tells.

    Raises
    ------
    ValueError
        If they do not fit into memory.
    """
    integer("patch_dim", shape[1], 1)
    field = "n_experts" if stream_name == "routers" else "n_hidden"
    check_fits(field, shape[0], 8 * shape[0] * shape[1], f"a matrix of rows of {shape[1]} weights")
    return std * normals(stream(seed, stream_name), shape)
