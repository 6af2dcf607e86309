"""`upcycle`: experts that start as copies of a trained dense network."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from moe_theory._arguments import check_network
from moe_theory._arithmetic import norms
from moe_theory._random import Seed, normals, seed_sequence, stream
from moe_theory._validation import finite, instance, real, reject
from moe_theory.models import DenseCNN, Model, Weights
from moe_theory.training.run import TrainingRun

Array = NDArray[np.float64]


def upcycle(
    dense: Weights | TrainingRun,
    model: Model,
    seed: Seed = 0,
    *,
    noise: float = 0.0,
    drop: float = 0.0,
) -> Weights:
    """Make every expert a copy of a trained dense network, as weights from which to train.

    Copies that serve the same patches with the same gates stay the same in training. Different
    routers tell them apart; ``noise`` and ``drop`` do so from the start.

    Parameters
    ----------
    dense : Weights or TrainingRun
        A trained `DenseCNN`, with as many hidden units as each expert has.
    model : SeparateMoE, JointMoE, TokenChoiceMoE or SampleMoE
        The network to be trained. Shared experts are copies too.
    seed : int or SeedSequence
        Draws routers, which are those that ``train(model, ..., seed)`` would draw, noise and what
        is dropped. Equal seeds give equal weights.
    noise : float
        Standard deviation of the Gaussian noise that is added to every hidden weight of every
        expert, over the root mean square of the dense hidden weights.
    drop : float
        Share of the units of each expert, in [0, 1], whose hidden weights are drawn anew from the
        initial law of the model. Which ones is drawn for each expert; their number is rounded to
        the nearest, and of a half to the even one.

    Returns
    -------
    Weights
        In float64, for ``train(model, ..., initial=...)``. Output weights, which training leaves as
        they are, are those of the dense network, whatever ``model.output_weights`` says.

    Raises
    ------
    TypeError
        If an argument is another object than it should be.
    ValueError
        If ``dense`` has routers or other units than the experts, ``model`` has no experts, or a
        number is impossible.
    DivergenceError
        If the dense training diverged.

    Notes
    -----
    Where every patch or input goes to experts whose gates sum to 1, copies compute what the dense
    network does: with renormalised gates, room for all patches and no shared expert, or where
    inputs choose without a gate; and with the pooling of the dense network. Else outputs start on
    another scale.

    Source: copies and fresh routers are those of Komatsuzaki et al., Sparse Upcycling, 2023. Units
    drawn anew are those of Nakamura et al., Drop-Upcycling, 2025, whose new weights have mean and
    standard deviation of what they replace, and who also renew output weights, which are fixed
    here.

    Examples
    --------
    >>> from moe_theory import SGD, PatchPatterns, SampleMoE, train
    >>> data = PatchPatterns(n_patches=4, n_irrelevant=8, patch_dim=10).sample(20, seed=0)
    >>> dense = train(DenseCNN(6), data, SGD(1.0, 10, n_steps=50))
    >>> model = SampleMoE(n_experts=3, n_hidden=18, gate="none", noise="none", router_init_std=0.1)
    >>> run = train(model, data, SGD(1e-9, 10, n_steps=1), initial=upcycle(dense, model, seed=1))
    >>> bool(np.allclose(run.predict(data), dense.predict(data), atol=1e-6))
    True
    """
    weights = _dense_weights(dense)
    check_network(model)
    seed_sequence(seed)
    noise, drop = real("noise", noise, 0.0), real("drop", drop, 0.0, 1.0)
    units, patch_dim = weights.experts.shape
    if isinstance(model, DenseCNN):
        raise reject("model", model, "a network with experts")
    if model.units_per_expert != units:
        allowed = f"{units}, the number of hidden units of the dense network"
        raise reject("units per expert of model", model.units_per_expert, allowed)
    if isinstance(dense, TrainingRun) and dense.model.activation != model.activation:
        raise reject("model.activation", model.activation, f"{dense.model.activation!r} as trained")
    fresh = model.initial_weights(patch_dim, seed)
    n_copies = model.n_hidden // units
    experts = np.tile(weights.experts.astype(np.float64), (n_copies, 1))
    if noise > 0:
        drawn = normals(stream(seed, "upcycling noise"), experts.shape)
        experts += noise * _root_mean_square(weights.experts) * drawn
    places = _dropped(n_copies, units, drop, seed)
    experts[places] = fresh.experts[places]
    output = np.tile(weights.output.astype(np.float64), n_copies)
    return Weights(experts, output, fresh.routers)


def _dense_weights(dense: Weights | TrainingRun) -> Weights:
    instance("dense", dense, (Weights, TrainingRun), "Weights or a TrainingRun of a DenseCNN")
    if isinstance(dense, TrainingRun):
        dense.check_usable()
        dense = dense.weights
    if dense.routers is not None:
        raise reject("dense.routers.shape", dense.routers.shape, "None, as of a DenseCNN")
    finite("dense.experts", dense.experts)
    finite("dense.output", dense.output)
    return dense


def _root_mean_square(weights: NDArray[Any]) -> float:
    flat = weights.astype(np.float64).reshape(-1)
    return float(norms(flat) / np.sqrt(flat.size))


def _dropped(n_experts: int, units: int, drop: float, seed: Seed) -> NDArray[np.int64]:
    """Return the numbers of the units to draw anew, as many of each expert."""
    rng, count = stream(seed, "upcycling drop"), round(drop * units)
    own = [s * units + rng.permutation(units)[:count] for s in range(n_experts)]
    return np.concatenate(own)
