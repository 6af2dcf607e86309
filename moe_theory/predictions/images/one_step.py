"""`one_step_error_on_images`: the dense network on images after one step from a small start."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from moe_theory._blas import single_blas_thread
from moe_theory._random import stream
from moe_theory._typed import typed
from moe_theory._validation import integer, reject
from moe_theory.data.digits import DigitPatches
from moe_theory.models import DenseCNN
from moe_theory.predictions.assumptions import (
    MOST_SAMPLES,
    SMALL_START,
    check_plain,
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
from moe_theory.predictions.predicted_error import PredictedError
from moe_theory.training.sgd import SGD

Array = NDArray[Any]

# Mean gradients drawn in pairs, mirrored at their mean.
N_PAIRS = 512


@dataclass(frozen=True)
class ImageStepError(PredictedError):
    """The error after one step.

    Attributes
    ----------
    error, positive, negative : float
        As in `PredictedError`.
    standard_error : float
        That of ``error``, from the gradients drawn.

    Examples
    --------
    >>> ImageStepError(0.4, 0.3, 0.5, standard_error=0.002).error
    0.4
    """

    standard_error: float


@typed
def one_step_error_on_images(
    data: DigitPatches, model: DenseCNN, sgd: SGD, n_train: int
) -> ImageStepError:
    """Return the expected test error on images after one full-batch step from a small start.

    Means and covariances of the classes of images are all that it needs. It is the limit of many
    units, in which the network is linear after such a step.

    Parameters
    ----------
    data : DigitPatches
        The law of the inputs.
    model : DenseCNN
        Means of ReLUs, started small against the step. The number of units does not matter.
    sgd : SGD
        One step, B >= N; either loss.
    n_train : int
        N >= 2.

    Returns
    -------
    ImageStepError

    Raises
    ------
    ValueError
        If an assumption fails; the message names it.

    Notes
    -----
    f(x) is in proportion to ⟨ĝ, Σ_j x⁽ʲ⁾⟩, where ĝ is the mean of y Σ_j x⁽ʲ⁾ over the samples. ĝ is
    taken as Gaussian, and so is f over fresh inputs, given ĝ. Networks of few units err more: with
    m = 40 units those of one sign may outweigh the others on all images alike.

    Source: derived in docs/theory/images.md.

    Examples
    --------
    >>> model, sgd = DenseCNN(4000, init_std=1e-6), SGD(1.0, batch_size=100, n_steps=1)
    >>> found = one_step_error_on_images(DigitPatches(n_patches=4), model, sgd, n_train=100)
    >>> 0.16 < found.error < 0.19
    True
    """
    n_train = integer("n_train", n_train, 2, MOST_SAMPLES)
    check_plain(model, sgd)
    if sgd.batch_size < n_train:
        raise reject("batch_size", sgd.batch_size, f">= n_train = {n_train}: a full batch")
    if sgd.steps(n_train) != 1:
        raise reject("the number of steps", sgd.steps(n_train), "1: the statement is for one step")
    if model.output_weights == "ones":
        raise reject("output_weights", "ones", '"signs" or "gaussian", so that both signs occur')
    with single_blas_thread():
        train, test = class_images(data, "train"), class_images(data, "test")
        gradients = _gradients(data, train, n_train)
        _check_start(model, sgd, data.n_patches, gradients)
        wrong = np.array([_wrong(data.n_patches, test, g) for g in gradients])
    fraction = data.positive_fraction
    errors = fraction * wrong[:, 0] + (1 - fraction) * wrong[:, 1]
    of_pairs = errors.reshape(-1, 2).mean(axis=1)
    positive, negative = wrong.mean(axis=0)
    return ImageStepError(
        float(errors.mean()), float(positive), float(negative),
        float(of_pairs.std(ddof=1)) / len(of_pairs) ** 0.5,
    )  # fmt: skip


def _gradients(data: DigitPatches, train: ClassImages, n_train: int) -> Array:
    """Draw ĝ, each beside its mirror image; class sizes are spread evenly over their law."""
    law, rng = SignedSum(train, data.n_patches), stream(0, "image gradients")
    found = []
    for n_positive, n_pairs in spread_classes(data, n_train, N_PAIRS):
        sizes = n_positive, n_train - n_positive
        pairs = mirrored(rng, law.mean(*sizes), law.covariance(*sizes), n_pairs)
        found.append(pairs.reshape(2 * n_pairs, -1))
    return np.concatenate(found)


def _wrong(n: int, test: ClassImages, gradient: Array) -> tuple[float, float]:
    """Return the chances that ⟨ĝ, Σ_j x⁽ʲ⁾⟩ has the wrong sign, for both classes."""
    others = test.irrelevant @ gradient
    chances = []
    for images, sign in zip(test.discriminative, (1, -1), strict=True):
        own = images @ gradient
        height = float(own.mean()) + (n - 1) * float(mean(others))
        spread = np.sqrt(own.var() + (n - 1) * float(covariance(others[:, None])[0, 0]))
        chances.append(float(stats.norm.cdf(-sign * height / spread)))
    return chances[0], chances[1]


def _check_start(model: DenseCNN, sgd: SGD, n: int, gradients: Array) -> None:
    """Raise ``ValueError`` unless initial weights are small against the step."""
    slope = 0.5 if sgd.loss == "logistic" else 1.0
    step = slope * sgd.learning_rate / (2 * n) * float(np.sqrt((gradients**2).mean()))
    if not 0 < model.init_std <= SMALL_START * step:
        allowed = f"positive and at most {SMALL_START * step:.2g}, {SMALL_START:g} times the step"
        raise reject("init_std", model.init_std, allowed)
