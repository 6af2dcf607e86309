"""Outputs of a network on many samples, in calls that stay short."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from moe_theory._arithmetic import padded
from moe_theory._random import Seed, stream
from moe_theory._validation import read_only
from moe_theory.kernels.arguments import PatternNetwork, RawNetwork
from moe_theory.kernels.pattern_fixed import outputs_pattern_fixed
from moe_theory.kernels.pattern_joint import outputs_pattern_joint
from moe_theory.kernels.pattern_sample import outputs_pattern_sample
from moe_theory.kernels.pattern_token import outputs_pattern_token
from moe_theory.kernels.table import write_choices, write_values
from moe_theory.kernels.token_routing import new_choices
from moe_theory.models import Model, SampleMoE, Weights
from moe_theory.training.inputs import RoutedInputs, raw_network, typed_noise
from moe_theory.training.work import choice_work, pieces, routing_work

Array = NDArray[Any]


def outputs(
    model: Model, weights: Weights, inputs: RoutedInputs, noise_seed: Seed | None = None
) -> Array:
    """Return f of every input, shape (N,), with noise in the scores only if a seed is given."""
    routers = None if weights.routers is None else read_only(padded(weights.routers))
    experts = read_only(padded(weights.experts))
    bias = None if weights.bias is None else weights.bias.copy()
    network = raw_network(model, experts, weights.output, routers, inputs.n_patches, bias=bias)
    table = inputs.table
    values = np.empty((model.n_all_experts, len(table)), table.dtype)
    scores = np.empty((len(network.routers), len(table)), table.dtype)
    work = 2 * (len(experts) + len(scores)) * table.shape[1]
    for first, last in pieces(len(table), work):
        write_values(network, table, first, last, values, scores)
    own, n = inputs.rows, inputs.n_patches
    return pooled(model, network, values, scores, own, n_patches=n, noise_seed=noise_seed)


def pooled(
    model: Model,
    network: RawNetwork | PatternNetwork,
    values: Array,
    scores: Array,
    rows: Array,
    *,
    n_patches: int,
    noise_seed: Seed | None = None,
) -> Array:
    """Return f of every input, shape (N,), given what patches add in experts, and their scores.

    ``values`` and ``scores`` have shape (k, P), where values of shared experts come after those of
    the k; ``rows`` is that of `RoutedInputs`.
    """
    f, own = np.empty(len(rows), values.dtype), network.rule
    choices: Any = None
    if model.kernel == "token":
        n_patterns = scores.shape[1]
        choices = new_choices(model.n_experts, own, n_patterns, scores)
        for first, last in pieces(n_patterns, choice_work(model, n_patches)):
            write_choices(own, network.bias, scores, first, last, choices)
    scale = network.scale
    rng = None if noise_seed is None else stream(noise_seed, "routing noise")
    for first, last in pieces(len(rows), routing_work(model, n_patches)):
        part = rows[first:last]
        if model.kernel == "joint":
            f[first:last] = outputs_pattern_joint(values, scores, part, own.n_kept, scale)
        elif model.kernel == "token":
            f[first:last] = outputs_pattern_token(values, choices, part, own, scale)
        elif isinstance(model, SampleMoE):
            drawn = None if rng is None else model.next_noise(last - first, n_patches, rng)
            noise = typed_noise(drawn, values.dtype)
            f[first:last] = outputs_pattern_sample(values, scores, part, noise, own, scale)
        else:
            f[first:last] = outputs_pattern_fixed(values, part, scale)
    return f
