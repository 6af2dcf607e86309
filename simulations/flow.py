"""Gradient flow against SGD: one data set and one start, many orders of the batches.

Each row holds the curves of one training by SGD, as mean and standard deviation over orders of
batches; of the flow on the same samples from the same weights, with and without the correction for
finite steps (and batches, where it is known); and of the flow on the population.
"""

import numpy as np
from numpy.random import SeedSequence

from moe_theory import SGD, DenseCNN, JointMoE, PatchPatterns, SeparateMoE, Sweep, grid
from moe_theory.flow import Tolerances, gradient_flow, population_flow, sgd_path

PATTERNS = PatchPatterns(n_patches=16, n_irrelevant=64, patch_dim=66)
N_ORDERS = 10
CURVES = ("loss", "test_error", "contrast", "alignment", "gate_positive")


def experiment(scale: str) -> Sweep:
    quick = scale == "quick"
    settings = grid(
        PATTERNS,
        {
            "dense": DenseCNN(40),
            "separate": SeparateMoE(2, 40, 2),
            "joint": JointMoE(4, 40, 4, init_std=0.1, router_init_std=0.1),
        },
        SGD(1.0, 20, n_steps=2000 if quick else 4000, record=99, router_learning_rate=0.2,
            router_n_epochs=100, router_batch_size=20, dtype="float64"),
        n_train=60,
        links={
            "sgd.learning_rate": lambda at: 0.05 * at["n_pooled"],
            # Routers of joint training share the rate of the experts, as is usual.
            "sgd.router_learning_rate": lambda at: 0.05 * at["n_pooled"],
        },
    )  # fmt: skip
    return Sweep(settings, n_test=1000, n_draws=2 if quick else 8, measure=measure)


def measure(run, test, train):
    """Return the curves as arrays over time; those of SGD with a mean and a deviation."""
    entropy, key = run.seed
    seed = SeedSequence(entropy, spawn_key=key)
    at = (run.model, train, run.sgd, seed)
    orders = [sgd_path(*at, batch_seed=order, test=test) for order in range(N_ORDERS)]
    flow = gradient_flow(*at, test=test)
    columns = {"times": flow.times, "test_error": run.error(test)}
    columns |= _curves("flow", flow)
    how = "step" if isinstance(run.model, JointMoE) else "batch"
    columns |= _curves("corrected", gradient_flow(*at, test=test, correction=how))
    columns |= _curves("population", _population(run, seed, test))
    for name in CURVES:
        if getattr(flow, name) is not None:
            drawn = np.stack([getattr(path, name) for path in orders])
            columns[f"sgd_{name}"] = drawn.mean(axis=0)
            columns[f"sgd_{name}_std"] = drawn.std(axis=0, ddof=1)
        else:
            columns[f"sgd_{name}"] = columns[f"sgd_{name}_std"] = None
    return columns


def _population(run, seed, test):
    """Return the flow on unlimited samples; routers are trained for as long as on the samples."""
    n_steps = run.sgd.router_steps(run.n_train)
    sgd = SGD(run.sgd.learning_rate, 20, n_steps=run.n_steps, record=99, router_n_steps=n_steps,
              router_learning_rate=run.sgd.router_rate, dtype="float64")  # fmt: skip
    rough = Tolerances(atol=1e-5)
    return population_flow(
        run.model, PATTERNS, sgd, seed, n_samples=1000, test=test, tolerances=rough
    )


def _curves(prefix, flow):
    return {f"{prefix}_{name}": getattr(flow, name) for name in CURVES}
