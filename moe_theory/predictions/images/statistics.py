"""What predictions take from images: their means and covariances, class by class."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from moe_theory._random import normals
from moe_theory.data.digits import DigitPatches
from moe_theory.predictions.assumptions import positive_counts

Array = NDArray[Any]


@dataclass(frozen=True, eq=False)
class ClassImages:
    """The images of one pool, or features of them: three arrays of shape (images, d)."""

    positive: Array
    negative: Array
    irrelevant: Array

    @property
    def discriminative(self) -> tuple[Array, Array]:
        """Those of the class +1, and those of the class −1."""
        return self.positive, self.negative


def class_rows(data: DigitPatches, split: str) -> tuple[Array, Array, Array]:
    """Return the rows of a pool that show y = +1, y = −1, and no class."""
    others = (
        data.rows(split, *data.irrelevant_digits)
        if data.n_patches > 1
        else np.empty(0, dtype=np.int32)
    )
    return data.rows(split, data.positive_digit), data.rows(split, data.negative_digit), others


def class_images(data: DigitPatches, split: str) -> ClassImages:
    """Return the images of a pool in double precision."""
    assert data.pools is not None
    images = data.pools.images[split]
    return ClassImages(*(images[rows].astype(np.float64) for rows in class_rows(data, split)))


@dataclass(frozen=True, eq=False)
class SignedSum:
    """The law of ĝ = (1/N) Σ_i y_i Σ_j φ(x_i⁽ʲ⁾), given the numbers of samples of both classes.

    A sum of N independent terms, of which mean and covariance are exact, and the rest is taken
    from the central limit theorem. φ(x), of shape (d,), are the features in ``train``.
    """

    train: ClassImages
    n_patches: int

    def mean(self, n_positive: int, n_negative: int) -> Array:
        """Return E ĝ, shape (d,)."""
        surplus = n_positive - n_negative
        total: Array = n_positive * mean(self.train.positive)
        total = total - n_negative * mean(self.train.negative)
        total = total + surplus * (self.n_patches - 1) * mean(self.train.irrelevant)
        return total / max(n_positive + n_negative, 1)

    def covariance(self, n_positive: int, n_negative: int) -> Array:
        """Return the covariance of ĝ, shape (d, d)."""
        n_train = n_positive + n_negative
        total: Array = n_positive * covariance(self.train.positive)
        total = total + n_negative * covariance(self.train.negative)
        total = total + n_train * (self.n_patches - 1) * covariance(self.train.irrelevant)
        return total / max(n_train, 1) ** 2


def mean(features: Array) -> Array:
    """Return the mean of the rows, 0 where there are none."""
    found: Array = features.sum(axis=0) / max(len(features), 1)
    return found


def covariance(features: Array) -> Array:
    """Return the covariance of a row drawn at random."""
    centred = features - mean(features)
    found: Array = centred.T @ centred / max(len(features), 1)
    return found


def root(matrix: Array) -> Array:
    """Return the symmetric root of a covariance: the same under any linear algebra."""
    values, vectors = np.linalg.eigh(matrix)
    found: Array = (vectors * np.sqrt(np.maximum(values, 0.0))) @ vectors.T
    return found


def spread_classes(data: DigitPatches, n_train: int, n_draws: int) -> list[tuple[int, int]]:
    """Return numbers of positive samples, and how many of the draws have them, by their law."""
    counts, chances = positive_counts(data, n_train, negligible=1e-6)
    places = (np.arange(n_draws) + 0.5) / n_draws
    drawn = np.searchsorted(np.cumsum(chances / chances.sum()), places)
    which, how_many = np.unique(drawn, return_counts=True)
    return list(zip(counts[which].tolist(), how_many.tolist(), strict=True))


def mirrored(rng: np.random.Generator, middle: Array, spread: Array, n_pairs: int) -> Array:
    """Draw Gaussian vectors of covariance ``spread`` beside their mirror images, (pairs, 2, d)."""
    away = normals(rng, (n_pairs, len(middle))) @ root(spread)
    return np.stack([middle + away, middle - away], axis=1)
