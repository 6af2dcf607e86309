"""A readable twin of `TokenChoiceMoE`: outputs, losses and steps of whole batches, by formulas.

Arrays of scores h, affinities A, gates G and values v are (B, n, k): input, patch, expert. `loss`
knows no slope and `gradients` no loss, so that each can be held against the other. Weights may be
complex numbers, whose tiny imaginary parts are derivatives.
"""

from typing import Any, NamedTuple

import numpy as np


class State(NamedTuple):
    """Weights, which may be complex."""

    experts: Any
    output: Any
    routers: Any
    bias: Any = None


class Routed(NamedTuple):
    """Which experts each patch has chosen, and which of them have room for it."""

    chosen: Any
    room: Any


def top_l(scores, n_routed):
    """Places of the largest scores, of equal ones the lower place first."""
    return np.argsort(-np.asarray(scores), kind="stable")[:n_routed]


def noisy_scores(weights, x, noise=0.0):
    return np.einsum("bnd,kd->bnk", x, weights.routers) + noise


def affinities(model, h):
    if model.gate == "sigmoid":
        return 1 / (1 + np.exp(-h))
    parts = np.exp(h - h.real.max(axis=2, keepdims=True))
    return parts / parts.sum(axis=2, keepdims=True)


def choose(model, h, bias=None):
    """Let every patch choose, and every expert of every input serve its queue."""
    ranks = h if bias is None else affinities(model, h) + bias
    chosen, room = np.zeros(h.shape, bool), np.zeros(h.shape, bool)
    for i, j in np.ndindex(h.shape[:2]):
        chosen[i, j, top_l(ranks[i, j], model.n_chosen)] = True
    for i, s in np.ndindex(len(h), model.n_experts):
        queue = np.flatnonzero(chosen[i, :, s])
        if model.priority == "score":
            queue = queue[top_l(h[i, queue, s], len(queue))]
        room[i, queue[: model.capacity], s] = True
    return Routed(chosen, room)


def gates(model, h, chosen):
    own = np.where(chosen, affinities(model, h), 0)
    return own / own.sum(axis=2, keepdims=True) if model.renormalize else own


def hidden(model, weights, x):
    """Pre-activations and the output weights that belong to them, by expert, shared ones last."""
    shape = model.n_experts + model.n_shared, -1
    experts = weights.experts.reshape(*shape, x.shape[2])
    return np.einsum("bnd,srd->bnsr", x, experts), weights.output.reshape(shape)


def values(model, weights, x):
    z, a = hidden(model, weights, x)
    return (np.where(z.real > 0, z, 0) * a).sum(axis=3)


def outputs(model, weights, x, noise=0.0, routed=None):
    """f of every input, with what is chosen held as it was, if it is given."""
    h = noisy_scores(weights, x, noise)
    chosen, room = routed or choose(model, h, weights.bias)
    v = values(model, weights, x)
    own = gates(model, h, chosen) * room * v[:, :, : model.n_experts]
    return (own.sum(axis=2) + v[:, :, model.n_experts :].sum(axis=2)).sum(axis=1) / x.shape[1]


def shares(chosen):
    """F, the share of all choices that are of each expert."""
    return chosen.sum(axis=(0, 1)) / chosen.sum()


def loss(model, sgd, weights, x, y, noise, routed):
    """What one step descends, with the choices and their shares held."""
    margins = y * outputs(model, weights, x, noise, routed)
    each = np.log(1 + np.exp(-margins))
    if sgd.loss == "hinge":
        each = np.where(margins.real < 1, 1 - margins, 0)
    h = noisy_scores(weights, x, noise)
    A = affinities(model, h)
    P = (A / A.sum(axis=2, keepdims=True)).mean(axis=(0, 1))
    balance = model.n_experts * (shares(routed.chosen) * P).sum()
    z_loss = (np.log(np.exp(h).sum(axis=2)) ** 2).mean()
    return each.mean() + sgd.balance_weight * balance + sgd.z_weight * z_loss


def gradients(model, sgd, weights, x, y, noise, routed):
    """Slopes of the loss in the weights of experts and of routers."""
    k, (size, n, _) = model.n_experts, x.shape
    h = noisy_scores(weights, x, noise)
    A, G = affinities(model, h), gates(model, h, routed.chosen)
    margins = y * outputs(model, weights, x, noise, routed)
    ends = -1 / (1 + np.exp(margins)) if sgd.loss == "logistic" else -1.0 * (margins < 1)
    force = (ends * y / (size * n))[:, None, None]
    # Experts: a_r·relu′ on every pre-activation, times the gate, or 1 of shared experts.
    z, a = hidden(model, weights, x)
    reach = np.ones(z.shape[:3])
    reach[:, :, :k] = G * routed.room
    slopes = (force * reach)[..., None] * a * (z > 0)
    experts = np.einsum("bnsr,bnd->srd", slopes, x).reshape(weights.experts.shape)
    # Routers: the data loss through gates, of all experts unless they share among the chosen, then
    # the balance loss and the z-loss.
    v = values(model, weights, x)[:, :, :k] * routed.room
    mean = (G * v).sum(axis=2, keepdims=True)
    if model.gate == "sigmoid" and not model.renormalize:
        mean = 0
    D = 1 - A if model.gate == "sigmoid" else 1
    lead = force * (G if model.renormalize else A) * D * (v - mean)
    p = A / A.sum(axis=2, keepdims=True)
    F = shares(routed.chosen)
    spread = p * D * (F - (F * p).sum(axis=2, keepdims=True))
    lead = lead + sgd.balance_weight * k * spread / (size * n)
    log_z = np.log(np.exp(h).sum(axis=2, keepdims=True))
    lead = lead + sgd.z_weight * 2 * log_z * p / (size * n)
    return experts, np.einsum("bns,bnd->sd", lead, x)


def step(model, sgd, weights, x, y, noise=0.0):
    """The weights after one step, all slopes and choices taken at those before."""
    bias = np.zeros(model.n_experts) if weights.bias is None else weights.bias
    bias = bias if sgd.bias_rate > 0 or weights.bias is not None else None
    routed = choose(model, noisy_scores(weights, x, noise), bias)
    experts, routers = gradients(model, sgd, weights, x, y, noise, routed)
    if bias is not None:
        counts = routed.chosen.sum(axis=(0, 1))
        bias = bias + sgd.bias_rate * np.sign(counts.mean() - counts)
    return State(
        weights.experts - sgd.learning_rate * experts,
        weights.output,
        weights.routers - sgd.router_rate * routers,
        bias,
    )
