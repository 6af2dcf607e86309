"""`PatchData`: a labelled sample of inputs, each a sequence of patches."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from moe_theory._memory import check_fits
from moe_theory._validation import LARGEST, reject, set_fields
from moe_theory.data.arrays import (
    Rows,
    as_array,
    float_array,
    frozen,
    image_size,
    integers,
    row_numbers,
    sample_shape,
    signs,
)

# Places of patches that matter, and what these are called.
PLACES = {
    "positions": "discriminative",
    "spurious_positions": "spurious",
    "centre_positions": "centre",
    "feature_noise_positions": "feature noise",
}


@dataclass(frozen=True, eq=False, repr=False)
class PatchData:
    """An immutable sample of N inputs x = [x⁽¹⁾ … x⁽ⁿ⁾] with labels y = ±1.

    A patch is stored as an index into ``dictionary``, so that patterns which occur many times
    take memory once. Data without repeated patches come in through `from_patches`. Arrays may be
    lists, tensors or data frames: what makes a NumPy array. ``len(data)`` is N, and slices, boolean
    masks and integer arrays choose inputs: ``data[:100]``, ``data[data.labels > 0]``.

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
    clusters : integer array, shape (N,), optional
        Number >= 0 of the cluster that each input belongs to, where the data have clusters.
    centre_positions, feature_noise_positions : integer array, shape (N,), optional
        Places of the patch with the cluster's centre and of the one with feature noise.
    image_shape : (int, int), optional
        Height and width in pixels, where a patch is an image (their product is d).

    Raises
    ------
    ValueError
        If shapes disagree, a label is not ±1, a value is not finite, an index is out of range, two
        patches share a place, or an array has another type of numbers or masked entries.
    TypeError
        If something makes no array.

    Examples
    --------
    >>> import numpy as np
    >>> data = PatchData(np.eye(3), np.array([[0, 2], [2, 1]]), np.array([1, -1]))
    >>> data.n_samples, data.n_patches, data.patch_dim
    (2, 2, 3)
    >>> data.patches()[0]
    array([[1., 0., 0.],
           [0., 0., 1.]])
    >>> data[:1]
    PatchData(N=1, n=2, P=3, d=3)
    """

    dictionary: NDArray[np.floating[Any]]
    indices: NDArray[np.int32]
    labels: NDArray[np.int8]
    positions: NDArray[np.int32] | None = None
    spurious_positions: NDArray[np.int32] | None = None
    spurious_signs: NDArray[np.int8] | None = None
    tasks: NDArray[np.int32] | None = None
    clusters: NDArray[np.int32] | None = None
    centre_positions: NDArray[np.int32] | None = None
    feature_noise_positions: NDArray[np.int32] | None = None
    image_shape: tuple[int, int] | None = None

    # With iteration, NumPy would take it apart row by row where an array was wanted.
    __iter__ = None

    def __post_init__(self) -> None:
        dictionary = float_array("dictionary", self.dictionary)
        sample_shape("dictionary", dictionary, "P, d")
        indices = as_array("indices", self.indices)
        sample_shape("indices", indices, "N, n")
        indices = integers("indices", indices, indices.shape, 0, len(dictionary) - 1)
        n_samples, n_patches = indices.shape
        set_fields(
            self,
            dictionary=frozen(dictionary, dictionary.dtype),
            indices=frozen(indices, np.int32),
            labels=frozen(signs("labels", self.labels, n_samples), np.int8),
        )
        limits = dict.fromkeys(PLACES, n_patches - 1) | {"tasks": LARGEST, "clusters": LARGEST}
        for name, highest in limits.items():
            if (value := getattr(self, name)) is not None:
                value = integers(name, value, (n_samples,), 0, highest)
                set_fields(self, **{name: frozen(value, np.int32)})
        if self.spurious_signs is not None:
            values = signs("spurious_signs", self.spurious_signs, n_samples)
            set_fields(self, spurious_signs=frozen(values, np.int8))
        self._check_places()
        if self.image_shape is not None:
            set_fields(self, image_shape=image_size(self.image_shape, self.patch_dim))

    def _check_places(self) -> None:
        if (self.spurious_positions is None) != (self.spurious_signs is None):
            raise ValueError(
                "spurious_positions and spurious_signs must be given together; "
                f"got {'signs' if self.spurious_positions is None else 'positions'} only"
            )
        known = [(name, at) for name in PLACES if (at := getattr(self, name)) is not None]
        for (first, taken), (name, places) in combinations(known, 2):
            if (shared := np.flatnonzero(places == taken)).size:
                row = int(shared[0])
                allowed = f"another place than that of the {PLACES[first]} patch"
                raise reject(f"{name}[{row}]", int(places[row]), allowed)

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
        array = as_array("patches", patches)
        sample_shape("patches", array, "N, n, d")
        n_samples, n_patches, patch_dim = array.shape
        if n_samples * n_patches > LARGEST:
            raise reject("patches.shape", array.shape, f"(N, n, d) with N·n <= {LARGEST}")
        array = float_array("patches", array)
        return cls(
            dictionary=array.reshape(n_samples * n_patches, patch_dim),
            indices=np.arange(n_samples * n_patches, dtype=np.int32).reshape(n_samples, n_patches),
            labels=as_array("labels", labels),
            positions=None if positions is None else as_array("positions", positions),
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
        """Return the raw patches as a new array, shape (N, n, d).

        Raises
        ------
        ValueError
            If there is not so much memory.
        """
        n_bytes = self.indices.size * self.patch_dim * self.dictionary.itemsize
        check_fits("n_samples", self.n_samples, n_bytes, "a new array of all patches")
        return self.dictionary[self.indices]

    def __len__(self) -> int:
        return self.n_samples

    def __getitem__(self, rows: Rows) -> PatchData:
        return self.subset(rows)

    def subset(self, rows: Rows) -> PatchData:
        """Return the inputs chosen by ``rows``, as ``data[rows]`` does; the dictionary is shared.

        Parameters
        ----------
        rows : slice, boolean array, shape (N,), or integer array, shape (M,)
            Integers lie in [0, N); the inputs come in their order, and may repeat.

        Raises
        ------
        ValueError
            If no input is chosen, a mask has not N entries, or a number is outside [0, N).
        TypeError
            If ``rows`` is a single number or anything else.

        Examples
        --------
        >>> import numpy as np
        >>> data = PatchData(np.eye(2), np.array([[0], [1], [1]]), np.array([1, -1, -1]))
        >>> data.subset([1, 0]).labels
        array([-1,  1], dtype=int8)
        >>> len(data[1:]), len(data[data.labels > 0])
        (2, 1)
        """
        chosen = row_numbers(rows, self.n_samples)

        def pick(name: str) -> Any:
            array = getattr(self, name)
            return None if array is None else array[chosen]

        known = ("indices", "labels", "spurious_signs", "tasks", "clusters", *PLACES)
        return replace(self, **{name: pick(name) for name in known})
