"""`router_success_on_images`: how often trained routers keep the image that tells the class."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy import special

from moe_theory._blas import single_blas_thread
from moe_theory._random import stream
from moe_theory._typed import typed
from moe_theory._validation import choice, integer
from moe_theory.data.digits import DigitPatches
from moe_theory.models import SeparateMoE
from moe_theory.predictions.assumptions import (
    MOST_SAMPLES,
    check_router_training,
)
from moe_theory.predictions.images.statistics import (
    ClassImages,
    SignedSum,
    class_images,
    covariance,
    mean,
    mirrored,
    spread_classes,
)
from moe_theory.predictions.routers.success import RoutedInputs, RouterSuccess
from moe_theory.training.sgd import SGD

Array = NDArray[Any]
ScoreLaw = Literal["images", "gaussian"]
Moments = tuple[Array, Array]  # a mean and a covariance

# Routers drawn in pairs, mirrored at their mean; training inputs per router; nodes of an average
# over a Gaussian.
N_PAIRS, N_INPUTS, N_NODES = 128, 64, 48


@dataclass(frozen=True)
class ImageRouterSuccess(RouterSuccess):
    """Chance that the discriminative patch is among the l, with the error of its average.

    Attributes
    ----------
    positive, negative, own : float
        As in `RouterSuccess`.
    standard_error : float
        That of ``own``, from the routers drawn.
    spread : float
        Standard deviation of the share that one router keeps, over routers.

    Examples
    --------
    >>> ImageRouterSuccess(0.9, 0.8, 0.85, standard_error=0.001, spread=0.02).own
    0.85
    """

    standard_error: float
    spread: float


@typed
def router_success_on_images(
    data: DigitPatches,
    model: SeparateMoE,
    sgd: SGD,
    n_train: int,
    *,
    inputs: RoutedInputs = "fresh",
    scores: ScoreLaw = "images",
) -> ImageRouterSuccess:
    """Return the chance that trained routers keep the discriminative image of an input.

    The router is Gaussian, with the mean and the covariance that follow from the training images.
    Nothing is trained, and nothing is fitted.

    Parameters
    ----------
    data : DigitPatches
        n >= 2.
    model : SeparateMoE
        Its l and ``router_init_std``.
    sgd : SGD
        Router training in which all samples weigh the same, as in `trained_routers`.
    n_train : int
        N >= 2, the number of samples that train the routers.
    inputs : {"fresh", "training"}
        Inputs of the test images; or those that trained the routers, so that their own patches have
        helped to make the scores.
    scores : {"images", "gaussian"}
        Given the router, the scores of fresh inputs are those of the test images; or Gaussian,
        with the mean and variance of each class, so that no image but only the first two moments
        are used.

    Returns
    -------
    ImageRouterSuccess

    Raises
    ------
    ValueError
        If an assumption fails; the message names it.

    Notes
    -----
    With w = ĝ given, an irrelevant patch is ahead of a discriminative image x with the share
    F(⟨w, x⟩) of irrelevant images that score higher, and x is kept with the chance
    BinomCDF(l − 1; n − 1, F).

    Source: derived in docs/theory/images.md.

    Examples
    --------
    >>> sgd = SGD(0.2, batch_size=20, n_epochs=100)
    >>> found = router_success_on_images(DigitPatches(), SeparateMoE(2, 40, 2), sgd, n_train=100)
    >>> 0.79 < found.own < 0.83
    True
    """
    fresh = choice("inputs", inputs, ("fresh", "training")) == "fresh"
    gaussian = choice("scores", scores, ("images", "gaussian")) == "gaussian"
    n, n_train = (
        integer("data.n_patches", data.n_patches, 2),
        integer("n_train", n_train, 2, MOST_SAMPLES),
    )
    n_routed = model.patches_per_expert(n)
    check_router_training(sgd, n_train)
    if gaussian and not fresh:
        raise ValueError("scores must be \"images\" on training inputs; got 'gaussian'")
    noise = model.router_init_std / (sgd.router_rate * sgd.router_steps(n_train))
    with single_blas_thread():
        train = class_images(data, "train")
        kept = np.concatenate(
            [
                _fresh(class_images(data, "test"), routers, n, n_routed, gaussian=gaussian)
                if fresh
                else _own(train, routers, n, n_routed, n_train)
                for routers in _routers(data, train, n_train, noise, fresh=fresh)
            ]
        )
    positive, negative = kept.mean(axis=(0, 2))
    own = data.positive_fraction * kept[:, 0] + (1 - data.positive_fraction) * kept[:, 1]
    of_pairs = own.mean(axis=1)
    found = RouterSuccess.of_classes(data, float(positive), float(negative))
    return ImageRouterSuccess(
        found.positive, found.negative, found.own,
        float(of_pairs.std(ddof=1)) / len(of_pairs) ** 0.5, float(own.std(ddof=1)),
    )  # fmt: skip


def _routers(
    data: DigitPatches, train: ClassImages, n_train: int, noise: float, *, fresh: bool
) -> Iterator[Array]:
    """Yield mirrored pairs of w₁ = ĝ + noise, shape (pairs, classes, 2, d), by class sizes.

    For a training input they hold the N − 1 other samples. w₂ is −ĝ and a noise of its own, which
    has the same law as that of −w₁.
    """
    law, rng = SignedSum(train, data.n_patches), stream(0, "image routers")
    for n_positive, n_pairs in spread_classes(data, n_train, N_PAIRS):
        sizes = np.array([[n_positive, n_train - n_positive]] * 2)
        sizes -= 0 if fresh else np.eye(2, dtype=int)
        pairs = []
        for own in np.maximum(sizes, 0).tolist():
            share = sum(own) / n_train
            spread = share**2 * law.covariance(*own)
            spread = spread + noise**2 * np.eye(len(spread))
            pairs.append(mirrored(rng, share * law.mean(*own), spread, n_pairs))
        yield np.stack(pairs, axis=1)


def _fresh(test: ClassImages, routers: Array, n: int, n_routed: int, *, gaussian: bool) -> Array:
    """Return the shares kept, shape (pairs, classes, 2)."""
    kept = np.empty(routers.shape[:3])
    others = _moments(test.irrelevant) if gaussian else None
    for place, (images, sign) in enumerate(zip(test.discriminative, (1, -1), strict=True)):
        own = _moments(images) if gaussian else None
        for at in np.ndindex(routers.shape[0], 2):
            w = sign * routers[at[0], place, at[1]]
            if own is None or others is None:
                chances, weights = _ahead(w, images, test.irrelevant)
            else:
                chances, weights = _ahead_gaussian(w, own, others)
            kept[at[0], place, at[1]] = special.bdtr(n_routed - 1, n - 1, chances) @ weights
    return kept


def _ahead(w: Array, images: Array, others: Array) -> tuple[Array, Array]:
    """Return for each image the share of others that score higher, and its weight."""
    scores = np.sort(others @ w)
    lower = np.searchsorted(scores, images @ w, side="right")
    return 1 - lower / len(scores), np.full(len(images), 1 / len(images))


def _moments(images: Array) -> Moments:
    return mean(images), covariance(images)


def _ahead_gaussian(w: Array, of_own: Moments, of_others: Moments) -> tuple[Array, Array]:
    nodes, weights = np.polynomial.hermite_e.hermegauss(N_NODES)
    (own, own_spread), (other, other_spread) = of_own, of_others
    scores = w @ own + np.sqrt(w @ own_spread @ w) * nodes
    ahead = special.ndtr((w @ other - scores) / np.sqrt(w @ other_spread @ w))
    return ahead, weights / weights.sum()


def _own(train: ClassImages, routers: Array, n: int, n_routed: int, n_train: int) -> Array:
    """Return the shares of training inputs kept, whose patches are in the sum themselves."""
    rng = stream(0, "image router inputs")
    kept = np.empty(routers.shape[:3])
    for place, (images, sign) in enumerate(zip(train.discriminative, (1, -1), strict=True)):
        for at in np.ndindex(routers.shape[0], 2):
            own = images[rng.integers(0, len(images), (N_INPUTS, 1))]
            others = train.irrelevant[rng.integers(0, len(train.irrelevant), (N_INPUTS, n - 1))]
            patches = np.concatenate([own, others], axis=1)
            sums = patches.sum(axis=1)[:, :, None] / n_train
            scores = sign * patches @ routers[at[0], place, at[1]] + (patches @ sums)[:, :, 0]
            ahead = (scores[:, 1:] > scores[:, :1]).sum(axis=1)
            kept[at[0], place, at[1]] = np.mean(ahead < n_routed)
    return kept
