"""Load of the experts in training, in calls that stay short."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from moe_theory._arithmetic import products
from moe_theory.models import Model
from moe_theory.routing.pairs import served_pairs
from moe_theory.training.work import pieces, routing_work

Array = NDArray[Any]


def load_shares(model: Model, scores: Array, bias: Array, inputs: Any) -> NDArray[np.float64]:
    """Return the share of all pairs that each expert serves, given the ``scores`` (k, P).

    ``bias`` is empty where there is none; ``inputs`` are those of the engine. Where experts choose,
    all serve l patches of every input. NaN where a score is not finite.
    """
    k = model.n_experts
    if model.kernel in ("fixed", "joint"):
        return np.full(k, 1 / k)
    if not np.isfinite(scores).all():
        return np.full(k, np.nan)
    counts = np.zeros(k, np.int64)
    rows, work = inputs.rows, routing_work(model, inputs.n_patches)
    for first, last in pieces(len(rows), work):
        served, _ = served_pairs(model, scores, bias, rows[first:last])
        counts += served.sum(axis=(0, 1))
    shares: NDArray[np.float64] = counts / counts.sum()
    return shares


def table_scores(routers: Array, table: Array) -> Array:
    """Return the products of `padded` routers with the patches of a `padded` table, (k, P)."""
    work = 2 * len(routers) * table.shape[1]
    parts = [products(routers, table[first:last]) for first, last in pieces(len(table), work)]
    return np.concatenate(parts, axis=1)
