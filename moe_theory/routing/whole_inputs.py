"""Routing of whole inputs: which expert each input chooses, and how well that sorts clusters."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from moe_theory._arguments import routing_arrays
from moe_theory._arithmetic import log, products
from moe_theory._validation import LARGEST, finite, index_array, read_only, real_array, reject
from moe_theory.kernels import input_routing as kernels

Array = NDArray[Any]


def choose_for_inputs(
    dictionary: Array, indices: Array, routers: Array, noise: Array | None = None
) -> tuple[NDArray[np.int64], Array]:
    """Let every input choose the one expert whose router scores the sum of its patches highest.

    Parameters
    ----------
    dictionary, indices, routers
        As for `choose_patches`.
    noise : array, shape (N, k), optional
        Added to the scores before the choice.

    Returns
    -------
    experts : integer array, shape (N,)
        The expert that each input has chosen; of equal scores the lower number.
    gates : array, shape (N, k)
        Softmax of the scores of each input, without the noise.

    Raises
    ------
    TypeError
        If an argument is no array of numbers.
    ValueError
        If shapes disagree, an index is not in [0, P), or a number or a score is not finite.

    Notes
    -----
    Source: Chen, Deng, Wu, Gu, Li, Towards Understanding the Mixture-of-Experts Layer in Deep
    Learning, 2022.

    Examples
    --------
    >>> import numpy as np
    >>> indices, routers = np.array([[0, 1], [2, 2]]), np.array([[1.0, 0, 0], [0, 0, 1.0]])
    >>> choose_for_inputs(np.eye(3), indices, routers)[0].tolist()
    [0, 1]
    >>> noise = np.array([[0.0, 2.0], [0.0, 2.0]])
    >>> choose_for_inputs(np.eye(3), indices, routers, noise)[0].tolist()
    [1, 1]
    """
    dictionary, indices, routers = routing_arrays(dictionary, indices, routers)
    shape = len(indices), len(routers)
    scores = products(routers, dictionary)
    finite("the scores of patches", scores)
    added = np.empty((0, 0), scores.dtype)
    if noise is not None:
        added = np.ascontiguousarray(real_array("noise", noise, "(N, k)"), scores.dtype)
        if added.shape != shape:
            raise reject("noise.shape", added.shape, f"{shape}")
    experts, gates = np.empty(len(indices), np.int64), np.empty(shape, scores.dtype)
    kernels.route_inputs(scores, read_only(indices), added, experts, gates)
    return experts, gates


def dispatch_entropy(clusters: ArrayLike, experts: ArrayLike) -> float:
    """Return how mixed the clusters are that an expert serves, 0 if each serves a single one.

    It is the entropy of the cluster given the expert, −Σ_m (n_m/N) Σ_k p_mk log p_mk, where n_m
    inputs have chosen expert m, and p_mk is the share of cluster k among them. At most log K.

    Parameters
    ----------
    clusters : integer array, shape (N,)
        The cluster of each input.
    experts : integer array, shape (N,)
        The expert that each input has chosen, as of `TrainingRun.experts_of`.

    Returns
    -------
    float
        In units of the natural logarithm.

    Raises
    ------
    TypeError
        If an argument is no array of integers.
    ValueError
        If there is not one of each per input, or one is negative.

    Notes
    -----
    Source: Chen, Deng, Wu, Gu, Li, Towards Understanding the Mixture-of-Experts Layer in Deep
    Learning, 2022.

    Examples
    --------
    >>> dispatch_entropy([0, 0, 1, 1], [2, 2, 0, 0])
    0.0
    >>> round(dispatch_entropy([0, 1, 2, 3], [0, 0, 0, 0]), 3)
    1.386
    """
    cluster = index_array("clusters", clusters, "(N,)", LARGEST)
    expert = index_array("experts", experts, "(N,)", LARGEST)
    if cluster.shape != expert.shape:
        raise reject("experts.shape", expert.shape, f"{cluster.shape}, one per input")
    pairs, counts = np.unique(np.stack([expert, cluster]), axis=1, return_counts=True)
    _, place = np.unique(pairs[0], return_inverse=True)
    loads = np.bincount(place, weights=counts)[place]
    terms = counts * log(loads / counts)
    return float(np.add.accumulate(terms)[-1] / len(cluster))
