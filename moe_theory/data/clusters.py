"""`ClusterSignal`: clusters of inputs, each with its own feature, hidden by those of the others."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from moe_theory._random import Seed, normals
from moe_theory._validation import boolean, countable, integer, read_only, real, reject, set_fields
from moe_theory.data.dictionary import pattern_basis
from moe_theory.data.patch_data import PatchData
from moe_theory.data.protocol import check_fraction, draw_layout, split_stream

Law = tuple[float, float]

# Laws of γ, and the noise, in the four published settings.
_PUBLISHED: tuple[tuple[Law, float], ...] = (
    ((0.5, 3.0), 1.0),
    ((0.5, 3.0), 2.0),
    ((0.5, 2.0), 1.0),
    ((0.5, 2.0), 2.0),
)
# Squares of what is drawn stay finite.
_LARGEST_FACTOR = 1e50


@dataclass(frozen=True)
class ClusterSignal:
    """Inputs in K clusters, each of which has a centre and a feature whose sign is the label.

    An input of cluster c and label y has four kinds of patches, in random order:

    - the feature y·α·v_c, which tells the label to those who know the cluster;
    - the centre β·c_c, which tells the cluster;
    - feature noise ±γ·v_c′, the feature of another cluster c′, drawn uniformly, with a random
      sign;
    - Gaussian noise N(0, σ²/d·I_d), in the n − 3 places that are left.

    The features v and the centres c are 2K orthonormal vectors. Label, cluster, signs and α, β, γ
    are independent. At the end all patches are multiplied by ``scale``.

    Parameters
    ----------
    n_clusters : int
        K >= 2.
    n_patches : int
        n >= 3.
    patch_dim : int
        d >= 2K.
    alpha : (float, float)
        Lowest and highest α of a uniform law, >= 0; equal for a constant. Of the feature.
    beta : (float, float)
        The same for β, of the centre.
    gamma : (float, float)
        The same for γ, of the feature noise.
    noise_std : float
        σ >= 0; each coordinate of Gaussian noise has the standard deviation σ/√d.
    scale : float
        Positive factor of all patches.
    positive_fraction : float
        Fraction of positive labels, in (0, 1).
    balanced : bool
        Whether the number of positive labels is fixed (see `draw_labels`) or random.
    dictionary_seed : int
        Seed of the random orthonormal vectors.

    Raises
    ------
    ValueError
        If a value is out of range, or d < 2K.

    Notes
    -----
    Source: C22, whose settings `published` gives.

    Examples
    --------
    >>> model = ClusterSignal.published(3)
    >>> model.gamma, model.noise_std
    ((0.5, 2.0), 1.0)
    >>> data = model.sample(6, seed=0)
    >>> data, data.clusters.tolist()
    (PatchData(N=6, n=4, P=24, d=50), [2, 2, 3, 0, 0, 2])
    """

    n_clusters: int = 4
    n_patches: int = 4
    patch_dim: int = 50
    alpha: tuple[float, float] = (0.5, 2.0)
    beta: tuple[float, float] = (1.0, 2.0)
    gamma: tuple[float, float] = (0.5, 3.0)
    noise_std: float = 1.0
    scale: float = 10.0
    positive_fraction: float = 0.5
    balanced: bool = False
    dictionary_seed: int = 0

    def __post_init__(self) -> None:
        n_clusters = countable("n_clusters", self.n_clusters, 2)
        patch_dim = countable("patch_dim", self.patch_dim, 1)
        if patch_dim < 2 * n_clusters:
            reason = "features and centres are orthonormal"
            raise reject("patch_dim", patch_dim, f">= 2*n_clusters = {2 * n_clusters}, as {reason}")
        largest = _LARGEST_FACTOR
        set_fields(
            self,
            n_clusters=n_clusters,
            n_patches=countable("n_patches", self.n_patches, 3),
            patch_dim=patch_dim,
            alpha=_uniform_law("alpha", self.alpha),
            beta=_uniform_law("beta", self.beta),
            gamma=_uniform_law("gamma", self.gamma),
            noise_std=real("noise_std", self.noise_std, 0, largest),
            scale=real("scale", self.scale, 0, largest, open_low=True),
            positive_fraction=check_fraction("positive_fraction", self.positive_fraction),
            balanced=boolean("balanced", self.balanced),
            dictionary_seed=integer("dictionary_seed", self.dictionary_seed, 0),
        )

    @classmethod
    def published(cls, setting: int) -> ClusterSignal:
        """Return one of the four settings of C22's experiments.

        K = 4, n = 4, d = 50. In settings 1 and 2 feature noise is larger than the feature, γ up to
        3 and α up to 2; in 3 and 4 both have one law. The noise σ is 1 in 1 and 3, 2 in 2 and 4.
        There are 16,000 inputs for training and as many for testing.

        Raises
        ------
        ValueError
            If ``setting`` is not 1, 2, 3 or 4.

        Examples
        --------
        >>> ClusterSignal.published(1) == ClusterSignal()
        True
        """
        gamma, noise_std = _PUBLISHED[integer("setting", setting, 1, len(_PUBLISHED)) - 1]
        return replace(cls(), gamma=gamma, noise_std=noise_std)

    @property
    def features(self) -> NDArray[np.float64]:
        """Features v₁ … v_K of norm 1, shape (K, d), read-only."""
        return self._vectors[: self.n_clusters]

    @property
    def centres(self) -> NDArray[np.float64]:
        """Centres c₁ … c_K of norm 1, shape (K, d), read-only."""
        return self._vectors[self.n_clusters :]

    @property
    def _vectors(self) -> NDArray[np.float64]:
        count = 2 * self.n_clusters
        basis = pattern_basis(count - 2, self.patch_dim, self.dictionary_seed)
        return np.asarray(basis[:count])

    def sample(self, n_samples: int, seed: Seed, *, split: str = "train") -> PatchData:
        """Draw N inputs as `DataModel.sample` says; the vectors do not depend on ``seed``.

        Returns
        -------
        PatchData
            With all N·n patches as its rows. It knows the cluster of each input and the places of
            feature (``positions``), centre and feature noise; the others hold Gaussian noise.

        Raises
        ------
        ValueError
            If an argument is out of range.

        Examples
        --------
        >>> model = ClusterSignal(alpha=(2.0, 2.0), scale=1.0)
        >>> data = model.sample(5, seed=0, split="test")
        >>> feature = data.patches()[range(5), data.positions]
        >>> shown = (feature * model.features[data.clusters]).sum(axis=1) * data.labels
        >>> shown.round(12).tolist()
        [2.0, 2.0, 2.0, 2.0, 2.0]
        """
        labels, positions = draw_layout(
            n_samples,
            seed,
            split,
            n_patches=self.n_patches,
            positive_fraction=self.positive_fraction,
            balanced=self.balanced,
            own_dim=self.patch_dim,
        )
        count, n_clusters = len(labels), self.n_clusters
        rng = split_stream(seed, split, "clusters")
        clusters = rng.integers(0, n_clusters, count, dtype=np.int32)
        rng = split_stream(seed, split, "other clusters")
        others = (clusters + rng.integers(1, n_clusters, count, dtype=np.int32)) % n_clusters
        signs = 2 * split_stream(seed, split, "signs").integers(0, 2, count) - 1
        centre_places, noise_places = self._other_places(positions, seed, split)

        patches = np.empty((count, self.n_patches, self.patch_dim))
        rest = np.ones((count, self.n_patches), dtype=bool)
        for name, places, factor, vectors in (
            ("alpha", positions, labels, self.features[clusters]),
            ("beta", centre_places, 1, self.centres[clusters]),
            ("gamma", noise_places, signs, self.features[others]),
        ):
            strength = self.scale * factor * self._strengths(name, count, seed, split)
            patches[np.arange(count), places] = strength[:, None] * vectors
            rest[np.arange(count), places] = False
        size = (count * (self.n_patches - 3), self.patch_dim)
        noise = normals(split_stream(seed, split, "noise"), size)
        patches[rest] = self.scale * self.noise_std / math.sqrt(self.patch_dim) * noise
        return PatchData(
            read_only(patches.reshape(-1, self.patch_dim)),
            np.arange(rest.size, dtype=np.int32).reshape(rest.shape),
            read_only(labels),
            positions=read_only(positions),
            clusters=read_only(clusters),
            centre_positions=read_only(centre_places),
            feature_noise_positions=read_only(noise_places),
        )

    def _strengths(self, name: str, count: int, seed: Seed, split: str) -> NDArray[np.float64]:
        """Draw α, β or γ of every input, shape (N,)."""
        low, high = getattr(self, name)
        width: float = high - low
        return np.asarray(low + width * split_stream(seed, split, name).random(count))

    def _other_places(
        self, positions: NDArray[np.int32], seed: Seed, split: str
    ) -> tuple[NDArray[Any], NDArray[Any]]:
        """Draw the places of centre and feature noise, uniform among those that are left."""
        n, count = self.n_patches, len(positions)
        rng = split_stream(seed, split, "other positions")
        first = rng.integers(1, n, count, dtype=np.int32)
        second = rng.integers(1, n - 1, count, dtype=np.int32)
        # Steps from the feature: the second skips the first.
        second += second >= first
        return (positions + first) % n, (positions + second) % n


def _uniform_law(field: str, law: object) -> Law:
    allowed = f"two numbers (low, high) with 0 <= low <= high <= {_LARGEST_FACTOR:g}"
    if not isinstance(law, tuple | list) or len(law) != 2:
        raise reject(field, law, allowed)
    low, high = (real(field, end, 0, _LARGEST_FACTOR) for end in law)
    if low > high:
        raise reject(field, law, allowed)
    return low, high
