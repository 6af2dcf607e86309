"""Outputs of networks on samples whose patches repeat: each patch of the table is read once."""

import numpy as np

from moe_theory.kernels.jit import kernel
from moe_theory.kernels.pattern_fixed import outputs_pattern_fixed, pattern_values
from moe_theory.kernels.pattern_joint import outputs_pattern_joint
from moe_theory.kernels.pattern_token import outputs_pattern_token
from moe_theory.kernels.products import inner_products


@kernel
def outputs_fixed(table, routed, experts, output, scale):
    """Return f of every input, shape (N,); ``routed`` (N, k, l) is what each expert receives."""
    z = _products(table, experts)
    values = np.empty((routed.shape[1], len(table)), table.dtype)
    pattern_values(z, output, values)
    return outputs_pattern_fixed(values, routed, scale)


@kernel
def outputs_joint(table, indices, experts, output, routers, n_routed, scale):
    """Return f of every input, shape (N,)."""
    z = _products(table, experts)
    values = np.empty((len(routers), len(table)), table.dtype)
    pattern_values(z, output, values)
    return outputs_pattern_joint(values, _products(table, routers), indices, n_routed, scale)


@kernel
def outputs_token(table, indices, experts, output, routers, n_chosen, capacity, by_score, scale):
    """Return f of every input, shape (N,)."""
    z = _products(table, experts)
    values = np.empty((len(routers), len(table)), table.dtype)
    pattern_values(z, output, values)
    scores = _products(table, routers)
    return outputs_pattern_token(values, scores, indices, n_chosen, capacity, by_score, scale)


@kernel
def _products(table, weights):
    """Return ⟨weights[r], table[c]⟩, shape (rows of weights, P)."""
    products = np.empty((len(weights), len(table)), table.dtype)
    inner_products(table, np.arange(len(table)), weights, products)
    return products
