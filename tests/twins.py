"""Readable twins of the kernels: the networks' formulas, which know nothing of kernels.

`output` and `mean_loss` follow the formulas in `moe_theory.models`, of token choice those in
`token_twin`. The algorithm with a counter is in `counting_twins`.
"""

from fractions import Fraction

import numpy as np
from token_twin import choose, outputs, top_l

from moe_theory import DenseCNN, JointMoE, SampleMoE, TokenChoiceMoE


def fused(a, b, c):
    """a·b + c, rounded once: exact in the next wider type, or by fractions."""
    exact = np.vectorize(
        lambda x, y, z: float(Fraction(float(x)) * Fraction(float(y)) + Fraction(float(z))),
        otypes=[float],
    )
    if a.dtype == np.float64:
        return exact(a, b, c)
    # The product of two singles is exact in double precision, the sum hardly ever half-way.
    return (a.astype(float) * b + c).astype(np.float32)


def inner_products(weights, rows):
    """⟨weights[r], rows[i]⟩, shape (u, R): a fused sum per lane, then neighbours, pairs, halves."""
    lanes = 32 // rows.itemsize
    sums = np.zeros((len(weights), len(rows), lanes), rows.dtype)
    for q in range(0, rows.shape[1], lanes):
        left, right = weights[:, None, q : q + lanes], rows[None, :, q : q + lanes]
        sums = fused(*np.broadcast_arrays(left, right), sums)
    while sums.shape[2] > 1:
        sums = sums[:, :, 0::2] + sums[:, :, 1::2]
    return sums[:, :, 0]


def subtract_outer(rows, factors, weights):
    """weights[r] − Σ_i factors[r, i]·rows[i], the sum fused and in the order of i."""
    total = np.zeros_like(weights)
    for i in range(len(rows)):
        left, right = factors[:, i, None], rows[None, i]
        total = fused(*np.broadcast_arrays(left, right), total)
    return weights - total


def softmax(values):
    weights = np.exp(values - np.max(values))
    return weights / weights.sum()


def choices(model, scores):
    """Pairs (patch, expert) of one input that are kept, given its ``scores`` (n, k)."""
    return [(j, s) for j, s in np.argwhere(choose(model, np.asarray(scores)[None]).room[0])]


def phi(model, z):
    return {"relu": np.maximum(z, 0), "cubic": z**3, "linear": z}[model.activation]


def chosen_expert(scores, noise):
    """The expert of the largest noisy score of one input, the lower number of equal ones."""
    return top_l(scores if noise is None else scores + noise, 1)[0]


def sample_output(model, weights, x, noise=None):
    """f(x) of a network in which whole inputs choose, with the noise (k,) of one input."""
    units = model.n_hidden // model.n_experts
    scores = weights.routers.astype(float) @ x.sum(axis=0)
    s = chosen_expert(scores, noise)
    own = slice(s * units, (s + 1) * units)
    parts = weights.output[own] @ phi(model, weights.experts[own].astype(float) @ x.T)
    pooled = parts.mean() if model.pooling == "mean" else parts.sum()
    return pooled * (softmax(scores)[s] if model.gate == "softmax" else 1)


def balance_loss(model, weights, data, noise):
    """k·Σ_m f_m P_m, the shares of inputs and the mean gates without noise."""
    scores = data.patches().sum(axis=1) @ weights.routers.astype(float).T
    chosen = [chosen_expert(own, extra) for own, extra in zip(scores, noise, strict=True)]
    shares = np.bincount(chosen, minlength=model.n_experts) / len(chosen)
    return model.n_experts * shares @ np.mean([softmax(own) for own in scores], axis=0)


def output(model, weights, x, noise=None):
    """f(x) of one input x, shape (n, d), in float64."""
    experts, a = weights.experts.astype(float), weights.output.astype(float)
    n = len(x)
    if isinstance(model, DenseCNN):
        return (a @ phi(model, experts @ x.T)).sum() / (n if model.pooling == "mean" else 1)
    if isinstance(model, SampleMoE):
        return sample_output(model, weights, x, noise)
    if isinstance(model, TokenChoiceMoE):
        return outputs(model, weights.astype(float), x[None], 0.0 if noise is None else noise)[0]
    units = model.n_hidden // model.n_experts
    total = 0.0
    for s in range(model.n_experts):
        scores = x @ weights.routers[s].astype(float)
        places = top_l(scores, model.n_routed)
        gates = softmax(scores[places]) if isinstance(model, JointMoE) else np.ones(len(places))
        own = slice(s * units, (s + 1) * units)
        for j, gate in zip(places, gates, strict=True):
            total += gate * a[own] @ np.maximum(experts[own] @ x[j], 0)
    return total / (model.n_routed if model.pooling == "routed" else n)


def loss_of(margin, loss):
    return np.logaddexp(0, -margin) if loss == "logistic" else max(0.0, 1 - margin)


def mean_loss(model, weights, data, loss, noise=None, balance=0.0):
    """The mean loss, of whole inputs that choose with ``noise`` (N, k), and the balance loss."""
    each = [None] * data.n_samples if noise is None else noise
    inputs = zip(data.patches(), data.labels, each, strict=True)
    mean = np.mean([loss_of(y * output(model, weights, x, extra), loss) for x, y, extra in inputs])
    return mean + balance * balance_loss(model, weights, data, each) if balance else mean
