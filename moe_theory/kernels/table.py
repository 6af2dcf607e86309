"""Outputs of networks on samples whose patches repeat: each patch of the table is read once."""

import numpy as np

from moe_theory.kernels.jit import kernel
from moe_theory.kernels.pattern_fixed import outputs_pattern_fixed
from moe_theory.kernels.pattern_joint import outputs_pattern_joint
from moe_theory.kernels.pattern_step import pattern_values
from moe_theory.kernels.pattern_token import outputs_pattern_token
from moe_theory.kernels.products import inner_products


@kernel
def outputs_fixed(network, samples):
    """Return f of every input, shape (N,), where routing is fixed."""
    values = _values(network, samples, samples.rows.shape[1])
    return outputs_pattern_fixed(values, samples.rows, network.scale)


@kernel
def outputs_joint(network, samples):
    """Return f of every input, shape (N,), where experts choose patches."""
    values = _values(network, samples, len(network.routers))
    scores = _products(samples.table, network.routers)
    n_routed = network.rule.n_kept
    return outputs_pattern_joint(values, scores, samples.rows, n_routed, network.scale)


@kernel
def outputs_token(network, samples):
    """Return f of every input, shape (N,), where patches choose experts."""
    values = _values(network, samples, len(network.routers))
    scores = _products(samples.table, network.routers)
    return outputs_pattern_token(values, scores, samples.rows, network.rule, network.scale)


@kernel
def _values(network, samples, n_experts):
    """Return what every patch of the table adds in every expert, shape (k, P)."""
    values = np.empty((n_experts, len(samples.table)), samples.table.dtype)
    pattern_values(_products(samples.table, network.experts), network.output, values)
    return values


@kernel
def _products(table, weights):
    """Return ⟨weights[r], table[c]⟩, shape (rows of weights, P)."""
    products = np.empty((len(weights), len(table)), table.dtype)
    inner_products(table, np.arange(len(table), dtype=np.int32), weights, products)
    return products
