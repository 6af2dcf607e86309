"""`error_on_images`: dense and separate networks on images, in the limit of many units."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from moe_theory._blas import single_blas_thread
from moe_theory._random import Seed, stream, substream
from moe_theory._typed import typed
from moe_theory._validation import choice, integer, reject
from moe_theory.data.digits import DigitPatches
from moe_theory.data.patch_data import PatchData
from moe_theory.kernels.losses import mean_loss
from moe_theory.models import DenseCNN, JointMoE, SeparateMoE, Weights
from moe_theory.predictions.assumptions import check_plain, check_router_training
from moe_theory.predictions.images.kernels import Learner, descend_outputs
from moe_theory.predictions.images.tangent_kernel import (
    Sent,
    between_inputs,
    drawn_units,
    initial_outputs,
    many_units,
)
from moe_theory.predictions.predicted_error import PredictedError
from moe_theory.predictions.routers.after_training import trained_routers
from moe_theory.routing import choose_patches
from moe_theory.training.batches import blocks
from moe_theory.training.sgd import LOSS_CODES, SGD, steps_per_epoch

Array = NDArray[Any]
Network = DenseCNN | SeparateMoE | JointMoE
Units = Literal["many", "drawn"]

# The kernel of all pairs of samples takes memory as the square of their number.
MOST_INPUTS = 1 << 14


@dataclass(frozen=True)
class ImageError(PredictedError):
    """The error of a network on images.

    Attributes
    ----------
    error, positive, negative : float
        As in `PredictedError`.
    standard_error : float
        That of ``error``, from the training sets drawn.
    train_error : float
        Fraction of the training samples with y f(x) ≤ 0.
    turned : float
        Share of all pairs of a unit and a fresh image that change sides in training, as the
        prediction itself says. It takes for granted that few do.

    Examples
    --------
    >>> ImageError(0.05, 0.04, 0.06, standard_error=0.002, train_error=0.0, turned=0.1).turned
    0.1
    """

    standard_error: float
    train_error: float
    turned: float


@typed
def error_on_images(
    data: DigitPatches,
    model: DenseCNN | SeparateMoE | JointMoE,
    sgd: SGD,
    n_train: int,
    *,
    units: Units = "many",
    n_sets: int = 16,
    n_test: int = 1000,
) -> ImageError:
    """Return the expected test error of a network on images whose units keep their sides.

    In the limit of many units, whose weights move little, a network learns by a kernel, which
    follows from the angles between images. What SGD does to the outputs is then known without any
    weight; it is followed on training sets drawn at random. Nothing is fitted.

    Parameters
    ----------
    data : DigitPatches
        The law of the inputs.
    model : DenseCNN, SeparateMoE or JointMoE
        The network. Routers of separate training are those that the training set gives. Those of
        joint training are left where they start, and so are the gates: that is no prediction of
        joint training, but shows what is left of it if nothing is learned about where to look.
    sgd : SGD
        How it is trained: rate, batches, number of steps or a loss at which to stop.
    n_train : int
        N >= 2.
    units : {"many", "drawn"}
        The kernel of a network of many units, at the same ηm; or that of the m units with which a
        training starts.
    n_sets : int
        Training sets drawn, at least 2, over which the error is averaged.
    n_test : int
        Fresh inputs for each.

    Returns
    -------
    ImageError

    Raises
    ------
    ValueError
        If an assumption fails; the message names it.

    Notes
    -----
    Takes about half a second for each training set at N = 1000 on 8×8 pixels; on MNIST, whose
    images do not repeat, a minute.

    Source: derived in docs/theory/images.md.

    Examples
    --------
    >>> sgd = SGD(0.2, batch_size=20, n_epochs=150)
    >>> found = error_on_images(DigitPatches(), DenseCNN(40), sgd, n_train=100, n_sets=4)
    >>> 0.15 < found.error < 0.3, found.turned > 0.1
    (True, True)
    """
    many = choice("units", units, ("many", "drawn")) == "many"
    n_train = integer("n_train", n_train, 2, MOST_INPUTS)
    n_sets, n_test = integer("n_sets", n_sets, 2, 1000), integer("n_test", n_test, 2, MOST_INPUTS)
    _check(model, sgd, n_train)
    with single_blas_thread():
        found = np.array(
            [
                _measured(_learn(data, model, sgd, (n_train, n_test), seed, many=many))
                for seed in (substream(number, "image theory") for number in range(n_sets))
            ]
        )
    positive, negative, train_error, turned = np.nanmean(found, axis=0)
    fraction = data.positive_fraction
    errors = fraction * found[:, 0] + (1 - fraction) * found[:, 1]
    return ImageError(
        float(errors.mean()), float(positive), float(negative),
        float(errors.std(ddof=1)) / n_sets**0.5, float(train_error), float(turned),
    )  # fmt: skip


class _Inputs(NamedTuple):
    """What inputs send to each expert, and their labels."""

    sent: list[Sent]
    labels: Array


class _Network(NamedTuple):
    """Hidden and output weights of each expert at the start, and the factor before the sum."""

    units: list[tuple[Array, Array]]
    scale: float
    many: bool

    def gram(self, left: _Inputs, right: _Inputs) -> Array:
        """Return by how much a unit pull of each input on the right moves outputs on the left."""
        total = np.zeros((len(left.labels), len(right.labels)))
        for (weights, outputs), here, there in zip(self.units, left.sent, right.sent, strict=True):
            # E a² = 1 for all laws of the output weights.
            size = len(outputs) if self.many else 1
            kernel = many_units if self.many else drawn_units(weights, outputs**2)
            total += size * between_inputs(kernel, here, there)
        return self.scale**2 * total

    def outputs(self, inputs: _Inputs) -> Array:
        """Return the outputs before training."""
        total = np.zeros(len(inputs.labels))
        for (weights, outputs), sent in zip(self.units, inputs.sent, strict=True):
            total += initial_outputs(weights, outputs, sent)
        return self.scale * total

    def turned(self, seen: _Inputs, fresh: _Inputs, pulls: Array) -> float:
        """Return the share of units and fresh images that are on other sides after the pulls."""
        shares = []
        for (weights, outputs), own, new in zip(self.units, seen.sent, fresh.sent, strict=True):
            pulled = self.scale * (own.counts.T @ pulls)
            moves = outputs[:, None] * ((weights @ own.images.T > 0) * pulled @ own.images)
            before, after = (new.images @ w.T > 0 for w in (weights, weights + moves))
            shares.append(float(np.mean(before != after)))
        return float(np.mean(shares))


class _Learned(NamedTuple):
    """A network after training, as its kernel has it: what it saw, what is new, and the pulls."""

    network: _Network
    seen: _Inputs
    fresh: _Inputs
    learner: Learner

    def changes(self) -> Array:
        """Return by how much training moved the outputs of the fresh inputs."""
        moved: Array = self.network.gram(self.fresh, self.seen) @ self.learner.pulls
        return moved


def _learn(
    data: DigitPatches, model: Network, sgd: SGD, sizes: tuple[int, int], seed: Seed, *, many: bool
) -> _Learned:
    """Train on outputs; samples, weights and batches are those of `train` with this ``seed``."""
    train, test = data.sample(sizes[0], seed), data.sample(sizes[1], seed, split="test")
    start = model.initial_weights(data.patch_dim, seed)
    routers = start.routers
    if isinstance(model, SeparateMoE):
        held_out = sgd.router_samples == "held_out"
        own = data.sample(sizes[0], substream(seed, "routers")) if held_out else train
        routers = trained_routers(model, own, sgd, start)
    seen, fresh = (_send(model, routers, inputs) for inputs in (train, test))
    network = _Network(_units(model, start), model.output_scale(data.n_patches), many)
    learner = Learner(
        network.gram(seen, seen), seen.labels, network.outputs(seen), np.zeros(sizes[0])
    )
    _train(learner, sgd, stream(seed, "batches"))
    return _Learned(network, seen, fresh, learner)


def _measured(learned: _Learned) -> tuple[float, float, float, float]:
    """Return the errors of both classes, that on the samples, and the share that change sides."""
    network, seen, fresh, learner = learned
    wrong = fresh.labels * (network.outputs(fresh) + learned.changes()) <= 0
    positive, negative = (float(wrong[fresh.labels == label].mean()) for label in (1, -1))
    train_error = float(np.mean(seen.labels * learner.outputs <= 0))
    return positive, negative, train_error, network.turned(seen, fresh, learner.pulls)


def _send(model: Network, routers: Array | None, inputs: PatchData) -> _Inputs:
    labels, indices = inputs.labels.astype(np.float64), inputs.indices
    if routers is None:
        return _Inputs([Sent.of(inputs.dictionary, indices)], labels)
    n_routed = model.patches_per_expert(inputs.n_patches)
    places, gates = choose_patches(inputs.dictionary, indices, routers, n_routed)
    sent = [
        Sent.of(
            inputs.dictionary, np.take_along_axis(indices, places[:, expert], axis=1),
            gates[:, expert] if isinstance(model, JointMoE) else 1.0,
        )
        for expert in range(len(routers))
    ]  # fmt: skip
    return _Inputs(sent, labels)


def _units(model: Network, start: Weights) -> list[tuple[Array, Array]]:
    size = len(start.output) // model.n_experts
    return [
        (start.experts[first : first + size], start.output[first : first + size])
        for first in range(0, len(start.output), size)
    ]


def _train(learner: Learner, sgd: SGD, rng: np.random.Generator) -> None:
    """Take the steps of SGD, or those until the loss at the end of an epoch is small."""
    n_train, code = len(learner.labels), LOSS_CODES[sgd.loss]
    left, epoch = sgd.steps(n_train), steps_per_epoch(n_train, sgd.batch_size)
    while left > 0:
        n_steps = min(left, epoch)
        for block in blocks(n_train, sgd.batch_size, n_steps, rng):
            descend_outputs(learner, block.order, block.bounds, sgd.learning_rate, code)
        left -= n_steps
        if _ended(learner, sgd, code):
            return


def _ended(learner: Learner, sgd: SGD, code: int) -> bool:
    if sgd.stop_at_zero_error and (learner.labels * learner.outputs > 0).all():
        return True
    loss = mean_loss(learner.outputs, learner.labels, code)
    return sgd.stop_loss is not None and loss <= sgd.stop_loss


def _check(model: Network, sgd: SGD, n_train: int) -> None:
    check_plain(model, sgd)
    if model.init_std == 0:
        raise reject("init_std", 0.0, "> 0, as units take the sides that they keep at the start")
    if isinstance(model, SeparateMoE):
        check_router_training(sgd, n_train)
