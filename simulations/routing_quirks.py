"""What three habits of a released code do to a mixture that routes whole inputs.

C22's code multiplies the output of an expert by its raw noisy score instead of by a probability,
puts outputs through a softmax twice, so that its loss cannot fall below log(1 + 1/e), and keeps the
noise of routing on in testing. The trainer below has a switch for each. With all of them off it
takes the steps of `SampleMoE`, which every row has beside it.
"""

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.random import SeedSequence, default_rng

from moe_theory import SGD, ClusterSignal, SampleMoE, Sweep, grid
from moe_theory.kernels.elementary import exp, log1p
from moe_theory.routing import dispatch_entropy

N_EXPERTS, N_UNITS = 8, 16
RATE, ROUTER_RATE, INIT_STD = 1e-3, 0.1, 1e-4


class Quirks(NamedTuple):
    """What the trainer does as the released code does it."""

    score_gate: bool = False
    double_softmax: bool = False
    test_noise: bool = False


VARIANTS = {
    "none": Quirks(),
    "score_gate": Quirks(score_gate=True),
    "double_softmax": Quirks(double_softmax=True),
    "test_noise": Quirks(test_noise=True),
    "all": Quirks(True, True, True),
}


def experiment(scale: str) -> Sweep:
    quick = scale == "quick"
    settings = [
        setting
        for number in (1, 4)
        for setting in grid(
            ClusterSignal.published(number),
            {"library": SampleMoE(N_EXPERTS, N_EXPERTS * N_UNITS, "cubic", "sum",
                                  init_std=INIT_STD)},
            SGD(RATE, 2**20, n_steps=60 if quick else 300, router_learning_rate=ROUTER_RATE,
                normalize_experts=True, dtype="float64"),
            n_train=500 if quick else 1000,
            labels={"setting": number},
        )
    ]  # fmt: skip
    return Sweep(settings, n_test=500 if quick else 4000, n_draws=2 if quick else 10,
                 measure=measure)  # fmt: skip


def measure(run, test, train):
    """Return accuracy, entropy, loss and experts in use of the library and of every variant."""
    chosen = run.experts_of(test)
    found = [(*described(run.predict(test), chosen, test), run.history.train_loss[-1])]
    entropy, key = run.seed
    start = run.initial.experts.reshape(N_EXPERTS, N_UNITS, -1).transpose(0, 2, 1)
    for quirks in VARIANTS.values():
        rng = default_rng(SeedSequence(entropy, spawn_key=(*key, 1)))
        experts, routers = start.copy(), np.zeros((N_EXPERTS, run.patch_dim))
        loss = trained(train, experts, routers, quirks, run.n_steps, rng)
        noise = rng.random((len(test), N_EXPERTS)) * quirks.test_noise
        state = routed(test, experts, routers, noise, quirks)
        found.append((*described(state.gates * state.values, state.chosen, test), loss))
    columns = zip(("accuracy", "entropy", "n_used", "loss"), zip(*found, strict=True), strict=True)
    return {name: np.array(values, dtype=float) for name, values in columns}


def described(f, chosen, test):
    """Return accuracy, entropy of clusters given experts, and how many experts are in use."""
    accuracy = float((f * test.labels > 0).mean())
    return accuracy, dispatch_entropy(test.clusters, chosen), len(np.unique(chosen))


class Routed(NamedTuple):
    """Of every input its expert, the gate, what the expert says, and its pre-activations."""

    chosen: np.ndarray
    gates: np.ndarray
    shares: np.ndarray
    values: np.ndarray
    hidden: np.ndarray


def routed(data, experts, routers, noise, quirks) -> Routed:
    patches = np.ascontiguousarray(data.patches())
    n_samples, n_patches, _ = patches.shape
    state = Routed(
        np.empty(n_samples, np.int64),
        np.empty(n_samples),
        np.empty((n_samples, N_EXPERTS)),
        np.empty(n_samples),
        np.empty((n_samples, n_patches, N_UNITS)),
    )
    forward(patches, experts, routers, noise, quirks.score_gate, *state)
    return state


def trained(data, experts, routers, quirks, n_steps, rng) -> float:
    """Take full-batch steps in place, each expert's gradient normalised; return the last loss."""
    patches, labels = np.ascontiguousarray(data.patches()), data.labels.astype(float)
    n_samples = len(patches)
    state = routed(data, experts, routers, np.zeros((n_samples, N_EXPERTS)), quirks)
    loss = np.nan
    for _ in range(n_steps):
        noise = rng.random((n_samples, N_EXPERTS))
        forward(patches, experts, routers, noise, quirks.score_gate, *state)
        loss = step(
            patches, labels, experts, routers, quirks.score_gate, quirks.double_softmax, *state
        )
    return loss


@njit(nogil=True, error_model="numpy")
def sum_patches(patches, total):
    for q in range(len(total)):
        total[q] = 0.0
        for j in range(len(patches)):
            total[q] += patches[j, q]


@njit(nogil=True, error_model="numpy")
def choose(total, routers, noise, scores, shares):
    """Write scores and their softmax; return the expert with the largest noisy score."""
    best, largest, weight = 0, -np.inf, 0.0
    for s in range(len(scores)):
        scores[s] = 0.0
        for q in range(len(total)):
            scores[s] += routers[s, q] * total[q]
        largest = max(largest, scores[s])
        if scores[s] + noise[s] > scores[best] + noise[best]:
            best = s
    for s in range(len(scores)):
        shares[s] = exp(scores[s] - largest)
        weight += shares[s]
    for s in range(len(scores)):
        shares[s] /= weight
    return best


@njit(nogil=True, error_model="numpy")
def cubic(patch, expert, z):
    """Return what an expert says of a patch, and write its pre-activations."""
    value = 0.0
    for r in range(len(z)):
        z[r] = 0.0
    for q in range(len(patch)):
        x, row = patch[q], expert[q]
        for r in range(len(z)):
            z[r] += x * row[r]
    for r in range(len(z)):
        value += z[r] ** 3 if r % 2 == 0 else -(z[r] ** 3)
    return value


@njit(nogil=True, error_model="numpy")
def forward(patches, experts, routers, noise, by_score, chosen, gates, shares, values, hidden):
    n_samples, n_patches, dim = patches.shape
    scores, total = np.empty(len(experts)), np.empty(dim)
    for i in range(n_samples):
        sum_patches(patches[i], total)
        best = choose(total, routers, noise[i], scores, shares[i])
        chosen[i] = best
        gates[i] = scores[best] + noise[i, best] if by_score else shares[i, best]
        values[i] = 0.0
        for j in range(n_patches):
            values[i] += cubic(patches[i, j], experts[best], hidden[i, j])


@njit(nogil=True, error_model="numpy")
def slope_of(margin, twice):
    """Return the loss of an input, and its slope in the margin."""
    factor = 1.0
    if twice:
        # The first softmax gives the right class the probability p, the second sees 2p − 1.
        p = 1 / (1 + exp(-margin))
        margin, factor = 2 * p - 1, 2 * p * (1 - p)
    loss = log1p(exp(-margin)) if margin > 0 else log1p(exp(margin)) - margin
    return loss, -factor / (1 + exp(margin))


@njit(nogil=True, error_model="numpy")
def step(patches, labels, experts, routers, by_score, twice, chosen, gates, shares, values, hidden):
    """Take one full-batch step in place; return the mean loss before it."""
    n_samples, n_patches, dim = patches.shape
    n_units = experts.shape[2]
    gradient, router_gradient = np.zeros(experts.shape), np.zeros(routers.shape)
    slopes, total, mean = np.empty(n_units), np.empty(dim), 0.0
    for i in range(n_samples):
        best = chosen[i]
        loss, slope = slope_of(labels[i] * gates[i] * values[i], twice)
        mean += loss / n_samples
        slope *= labels[i]
        sum_patches(patches[i], total)
        for j in range(n_patches):
            for r in range(n_units):
                sign = 3.0 if r % 2 == 0 else -3.0
                slopes[r] = slope * gates[i] * sign * hidden[i, j, r] ** 2
            add_outer(patches[i, j], slopes, gradient[best])
        for s in range(len(routers)):
            own = 1.0 if s == best else 0.0
            lead = own if by_score else gates[i] * (own - shares[i, s])
            for q in range(dim):
                router_gradient[s, q] += slope * values[i] * lead * total[q]
    move(experts, gradient, routers, router_gradient, n_samples)
    return mean


@njit(nogil=True, error_model="numpy")
def add_outer(patch, slopes, out):
    for q in range(len(patch)):
        x, row = patch[q], out[q]
        for r in range(len(slopes)):
            row[r] += x * slopes[r]


@njit(nogil=True, error_model="numpy")
def move(experts, gradient, routers, router_gradient, n_samples):
    """Step experts by gradients of unit length, and routers by the mean gradient."""
    _, dim, n_units = experts.shape
    for s in range(len(experts)):
        square = 0.0
        for q in range(dim):
            for r in range(n_units):
                square += gradient[s, q, r] ** 2
        factor = RATE / np.sqrt(square) if square > 0 else 0.0
        for q in range(dim):
            for r in range(n_units):
                experts[s, q, r] -= factor * gradient[s, q, r]
            routers[s, q] -= ROUTER_RATE / n_samples * router_gradient[s, q]
