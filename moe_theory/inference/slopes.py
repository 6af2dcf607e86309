"""How the output of a network depends on its hidden weights."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from moe_theory._arithmetic import products
from moe_theory._validation import read_only, real_array, reject
from moe_theory.data.patch_data import PatchData
from moe_theory.inference.received import expert_slices, received_gates
from moe_theory.kernels.linear import add_squared_slopes
from moe_theory.training import TrainingRun


def mean_squared_slopes(
    run: TrainingRun,
    data: PatchData,
    weights: ArrayLike | None = None,
    *,
    turned: ArrayLike | None = None,
) -> NDArray[np.float64]:
    """Return the mean over inputs of (∂f/∂w)², weighted by input if asked, shape (m, d).

    Parameters
    ----------
    run : TrainingRun
        The network; routers, hence gates, are held fixed.
    data : PatchData
        N inputs.
    weights : array, shape (N,), optional
        By default 1.
    turned : array, shape (k, d, d), optional
        The slopes of expert s are multiplied by matrix s before they are squared.

    Raises
    ------
    TypeError, ValueError
        If n or d of ``data`` are not those of the training, or weights are not N finite numbers.
    DivergenceError
        If the training diverged.

    Notes
    -----
    ∂f/∂w_rs = scale · a_rs Σ_j G_js φ′⟨w_rs, x⁽ʲ⁾⟩ x⁽ʲ⁾, from the f that `JointMoE` states, with
    φ′(z) = 1[z > 0] for the ReLU.

    Examples
    --------
    >>> from moe_theory import SGD, JointMoE, PatchPatterns, train
    >>> data = PatchPatterns(n_patches=4, n_irrelevant=8, patch_dim=10).sample(20, seed=0)
    >>> mean_squared_slopes(train(JointMoE(2, 4, 3), data, SGD(1.0, 10, n_steps=5)), data).shape
    (4, 10)
    """
    gates = received_gates(run, data)
    shares = np.ones(data.n_samples) / data.n_samples
    if weights is not None:
        given = real_array("weights", weights, "(N,)").astype(np.float64)
        if given.shape != shares.shape:
            raise reject("weights.shape", given.shape, f"({data.n_samples},), one per input")
        shares = given / data.n_samples
    if turned is not None:
        k = run.model.n_experts
        matrices = real_array("turned", turned, "(k, d, d)")
        if (given_shape := matrices.shape) != (k, data.patch_dim, data.patch_dim):
            raise reject("turned.shape", given_shape, f"({k}, {data.patch_dim}, {data.patch_dim})")
    dictionary = data.dictionary.astype(np.float64)
    bends = run.model.activation_slope(products(run.weights.experts, dictionary))
    output = run.model.output_scale(run.n_patches) * run.weights.output.astype(np.float64)
    out = np.zeros(run.weights.experts.shape)
    for s, own in enumerate(expert_slices(run)):
        table = dictionary if turned is None else products(matrices[s], dictionary).T
        table = read_only(np.ascontiguousarray(table))
        own_gates = np.ascontiguousarray(gates[:, :, s], np.float64)
        add_squared_slopes(
            table, read_only(data.indices), bends[own], own_gates, output[own], shares, out[own],
        )  # fmt: skip
    return out


def slopes_along(
    run: TrainingRun,
    expert: int,
    data: PatchData,
    gates: NDArray[np.floating[Any]],
    directions: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Return the mean over inputs of ⟨∂f/∂w_r, v_r⟩² of the units of one expert, shape (u,).

    ``directions`` (u, d) holds a v_r for each of them, ``gates`` those of `received_gates`.
    """
    units = expert_slices(run)[expert]
    gates = np.ascontiguousarray(gates[:, :, expert], np.float64)
    dictionary = data.dictionary.astype(np.float64)
    bends = run.model.activation_slope(products(run.weights.experts[units], dictionary))
    parts = products(directions, dictionary)
    scale = run.model.output_scale(run.n_patches)
    output = scale * run.weights.output[units].astype(np.float64)
    shares = np.ones(data.n_samples) / data.n_samples
    out = np.zeros((len(parts), 1))
    for r, part in enumerate(parts):
        one = slice(r, r + 1)
        add_squared_slopes(
            read_only(part[:, None].copy()), read_only(data.indices), bends[one], gates,
            output[one], shares, out[one],
        )  # fmt: skip
    return out[:, 0]
