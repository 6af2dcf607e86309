"""What the patches of a table add: each is read once, however many samples it occurs in."""

import numpy as np

from moe_theory.kernels.jit import kernel
from moe_theory.kernels.pattern_step import pattern_values
from moe_theory.kernels.products import inner_products
from moe_theory.kernels.token_routing import choose_by, new_choices


@kernel
def write_values(network, table, first, last, values, scores):
    """Write what patches from ``first`` to ``last`` add in experts, and their scores, (k, P)."""
    part = np.empty((len(values), last - first), table.dtype)
    products = _products(table, first, last, network.experts)
    pattern_values(products, network.output, part, network.activation)
    values[:, first:last] = part
    if len(scores) > 0:
        scores[:, first:last] = _products(table, first, last, network.routers)


@kernel
def _products(table, first, last, weights):
    """Return ⟨weights[r], table[c]⟩ for c from ``first`` to ``last``."""
    products = np.empty((len(weights), last - first), table.dtype)
    inner_products(table, np.arange(first, last, dtype=np.int32), weights, products)
    return products


@kernel
def write_choices(rule, bias, scores, first, last, choices):
    """Let patches from ``first`` to ``last`` choose experts by ``scores`` (k, P)."""
    size = last - first
    part = new_choices(len(scores), rule, size, scores)
    choose_by(scores[:, first:last], part, rule, bias)
    choices.scores[:, first:last] = part.scores[:, :size]
    choices.affinities[:, first:last] = part.affinities[:, :size]
    choices.gates[:, first:last] = part.gates[:, :size]
    choices.kept[:, first:last] = part.kept[:, :size]
    choices.places[:, first:last] = part.places[:, :size]
