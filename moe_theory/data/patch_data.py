"""`PatchData`: a labelled sample of inputs, each a sequence of patches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from moe_theory._validation import finite, read_only, reject


@dataclass(frozen=True, eq=False, repr=False)
class PatchData:
    """An immutable sample of N inputs x = [x⁽¹⁾ … x⁽ⁿ⁾] with labels y = ±1.

    A patch is stored as an index into ``dictionary``, so that patterns which occur many times
    take memory once. Data without repeated patches come in through `from_patches`.

    Parameters
    ----------
    dictionary : array, shape (P, d)
        The distinct patches, dimensionless.
    indices : integer array, shape (N, n)
        Row of ``dictionary`` that stands at each place of each input.
    labels : integer array, shape (N,)
        Label y of each input, +1 or −1.
    positions : integer array, shape (N,), optional
        Place in [0, n) of the discriminative patch. Without it, routing cannot be judged.
    spurious_positions : integer array, shape (N,), optional
        Place of the spurious patch, where the data have one.
    spurious_signs : integer array, shape (N,), optional
        The label, +1 or −1, that the spurious patch speaks for.
    tasks : integer array, shape (N,), optional
        Number >= 0 of the task that each input belongs to, where the data have several.
    image_shape : (int, int), optional
        Height and width in pixels, where a patch is an image (their product is d).

    Raises
    ------
    ValueError
        If shapes disagree, a label is not ±1, a value is not finite, or an index is out of range.

    Notes
    -----
    Source: dossier §2.

    Examples
    --------
    >>> import numpy as np
    >>> data = PatchData(np.eye(3), np.array([[0, 2], [2, 1]]), np.array([1, -1]))
    >>> data.n_samples, data.n_patches, data.patch_dim
    (2, 2, 3)
    >>> data.patches()[0]
    array([[1., 0., 0.],
           [0., 0., 1.]])
    """

    dictionary: NDArray[np.floating[Any]]
    indices: NDArray[np.int32]
    labels: NDArray[np.int8]
    positions: NDArray[np.int32] | None = None
    spurious_positions: NDArray[np.int32] | None = None
    spurious_signs: NDArray[np.int8] | None = None
    tasks: NDArray[np.int32] | None = None
    image_shape: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        dictionary = np.asarray(self.dictionary)
        _check_real("dictionary", dictionary)
        if dictionary.dtype not in (np.float32, np.float64):
            dictionary = dictionary.astype(np.float64)
        if dictionary.ndim != 2 or 0 in dictionary.shape:
            raise reject("dictionary.shape", dictionary.shape, "(P, d) with P, d >= 1")
        finite("dictionary", dictionary)
        indices = np.asarray(self.indices)
        if indices.ndim != 2 or 0 in indices.shape:
            raise reject("indices.shape", indices.shape, "(N, n) with N, n >= 1")
        indices = _integers("indices", indices, indices.shape, 0, len(dictionary) - 1)
        n_samples, n_patches = indices.shape
        put = object.__setattr__
        put(self, "dictionary", _frozen(dictionary, dictionary.dtype))
        put(self, "indices", _frozen(indices, np.int32))
        put(self, "labels", _frozen(_signs("labels", self.labels, n_samples), np.int8))
        for name in ("positions", "spurious_positions"):
            value = getattr(self, name)
            if value is not None:
                value = _integers(name, np.asarray(value), (n_samples,), 0, n_patches - 1)
                put(self, name, _frozen(value, np.int32))
        if self.spurious_signs is not None:
            signs = _signs("spurious_signs", self.spurious_signs, n_samples)
            put(self, "spurious_signs", _frozen(signs, np.int8))
        self._check_spurious()
        if self.tasks is not None:
            largest = int(np.iinfo(np.int32).max)
            tasks = _integers("tasks", np.asarray(self.tasks), (n_samples,), 0, largest)
            put(self, "tasks", _frozen(tasks, np.int32))
        if self.image_shape is not None:
            put(self, "image_shape", _image_shape(self.image_shape, dictionary.shape[1]))

    def _check_spurious(self) -> None:
        places, signs = self.spurious_positions, self.spurious_signs
        if (places is None) != (signs is None):
            raise ValueError(
                "spurious_positions and spurious_signs must be given together; "
                f"got {'signs' if places is None else 'positions'} only"
            )
        if places is not None and self.positions is not None and (places == self.positions).any():
            row = int(np.flatnonzero(places == self.positions)[0])
            allowed = "another place than that of the discriminative patch"
            raise reject(f"spurious_positions[{row}]", int(places[row]), allowed)

    def __repr__(self) -> str:
        sizes = f"N={self.n_samples}, n={self.n_patches}, P={self.n_patterns}, d={self.patch_dim}"
        return f"PatchData({sizes})"

    @classmethod
    def from_patches(
        cls,
        patches: ArrayLike,
        labels: ArrayLike,
        positions: ArrayLike | None = None,
        image_shape: tuple[int, int] | None = None,
    ) -> PatchData:
        """Build from raw patches, shape (N, n, d), none of which need repeat.

        Raises
        ------
        ValueError
            As for the class; also if ``patches`` is not three-dimensional.

        Examples
        --------
        >>> import numpy as np
        >>> PatchData.from_patches(np.ones((4, 2, 3)), [1, -1, 1, -1]).n_samples
        4
        """
        array = np.asarray(patches)
        if array.ndim != 3 or 0 in array.shape:
            raise reject("patches.shape", array.shape, "(N, n, d) with N, n, d >= 1")
        _check_real("patches", array)
        finite("patches", array)
        n_samples, n_patches, patch_dim = array.shape
        return cls(
            dictionary=array.reshape(n_samples * n_patches, patch_dim),
            indices=np.arange(n_samples * n_patches, dtype=np.int32).reshape(n_samples, n_patches),
            labels=np.asarray(labels),
            positions=None if positions is None else np.asarray(positions),
            image_shape=image_shape,
        )

    @property
    def n_samples(self) -> int:
        """N, the number of inputs."""
        return int(self.indices.shape[0])

    @property
    def n_patches(self) -> int:
        """n, the number of patches of one input."""
        return int(self.indices.shape[1])

    @property
    def patch_dim(self) -> int:
        """d, the dimension of one patch."""
        return int(self.dictionary.shape[1])

    @property
    def n_patterns(self) -> int:
        """P, the number of dictionary entries."""
        return int(self.dictionary.shape[0])

    def patches(self) -> NDArray[np.floating[Any]]:
        """Return the raw patches as a new array, shape (N, n, d)."""
        return self.dictionary[self.indices]

    def subset(self, rows: Sequence[int] | NDArray[np.integer[Any]]) -> PatchData:
        """Return the inputs numbered ``rows``, in that order; the dictionary is shared.

        Raises
        ------
        ValueError
            If ``rows`` is empty or has a number outside [0, N).

        Examples
        --------
        >>> import numpy as np
        >>> data = PatchData(np.eye(2), np.array([[0], [1]]), np.array([1, -1]))
        >>> data.subset([1]).labels
        array([-1], dtype=int8)
        """
        chosen = np.asarray(rows)
        if chosen.ndim != 1 or len(chosen) == 0:
            raise reject("rows.shape", chosen.shape, "(M,) with M >= 1")
        chosen = _integers("rows", chosen, chosen.shape, 0, self.n_samples - 1)

        def pick(array: NDArray[Any] | None) -> Any:
            return None if array is None else array[chosen]

        return replace(
            self,
            indices=self.indices[chosen],
            labels=self.labels[chosen],
            positions=pick(self.positions),
            spurious_positions=pick(self.spurious_positions),
            spurious_signs=pick(self.spurious_signs),
            tasks=pick(self.tasks),
        )


def _frozen(array: NDArray[Any], dtype: Any) -> NDArray[Any]:
    """Return a C-contiguous read-only array; what the caller could still write to is copied."""
    owner: Any = array
    while isinstance(owner, np.ndarray) and not owner.flags.writeable:
        owner = owner.base
    if owner is not None or array.dtype != dtype or not array.flags.c_contiguous:
        array = np.array(array, dtype=dtype, order="C")
        array.flags.writeable = False
    return read_only(array)


def _check_real(field: str, array: NDArray[Any]) -> None:
    if not np.issubdtype(array.dtype, np.number) or np.iscomplexobj(array):
        raise reject(f"{field}.dtype", array.dtype, "a real number type")


def _image_shape(shape: tuple[int, int], patch_dim: int) -> tuple[int, int]:
    allowed = f"a height and a width >= 1 whose product is d = {patch_dim}"
    if len(shape) != 2 or min(shape) < 1 or shape[0] * shape[1] != patch_dim:
        raise reject("image_shape", shape, allowed)
    return int(shape[0]), int(shape[1])


def _integers(
    field: str, array: NDArray[Any], shape: tuple[int, ...], low: int, high: int
) -> NDArray[Any]:
    if array.shape != shape:
        raise reject(f"{field}.shape", array.shape, str(shape))
    if not np.issubdtype(array.dtype, np.integer):
        raise reject(f"{field}.dtype", array.dtype, "an integer type")
    wrong = (array < low) | (array > high)
    if wrong.any():
        raise reject(field, int(array[wrong][0]), f"integers in [{low}, {high}]")
    return array


def _signs(field: str, values: ArrayLike, n_samples: int) -> NDArray[Any]:
    array = np.asarray(values)
    if array.shape != (n_samples,):
        raise reject(f"{field}.shape", array.shape, f"({n_samples},)")
    if not np.issubdtype(array.dtype, np.number):
        raise reject(f"{field}.dtype", array.dtype, "a number type")
    wrong = ~np.isin(array, (-1, 1))
    if wrong.any():
        raise reject(field, array[wrong][0], "+1 or -1 everywhere")
    return array
