# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Theory against simulation
#
# Three kinds of theory, from loose to exact, each an object that can be asked and held against a
# measurement:
#
# 1. the published **bounds**, amounts that suffice up to a constant nobody knows;
# 2. **predictions** of the learning curve, without a free parameter;
# 3. an **exact law** for the routers.

# %%
import warnings

import matplotlib.pyplot as plt
import numpy as np

from moe_theory import (
    SGD,
    DeadNetworkWarning,
    DenseCNN,
    JointMoE,
    PatchPatterns,
    SampleStudy,
    Search,
    SeparateMoE,
    Setting,
    Sweep,
    grid,
)
from moe_theory.advice import predicted_samples
from moe_theory.bounds import (
    Measurements,
    check,
    complexity,
    complexity_table,
    derive_computation,
    derive_savings,
    wins,
)
from moe_theory.plotting import look, number_ticks, plot_curves, plot_slope, plot_thresholds
from moe_theory.predictions import joint_error, router_success, trained_error

# At the smallest N single networks die; where they do, inputs count as errors.
warnings.simplefilter("ignore", DeadNetworkWarning)

# %% [markdown]
# ## 1 Bounds are objects
#
# To reach generalization error $\varepsilon$ on inputs of $n$ patches, one of which tells the
# label, these amounts suffice. $l$ is the number of patches that an expert receives, $k$ the number
# of experts, $m$ of hidden units, $B$ the batch size, $d$ the dimension of a patch.

# %%
complexity_table()

# %%
dense, separate, joint = (
    complexity("sample complexity", a) for a in ("dense", "separate", "joint")
)
dense

# %% [markdown]
# A bound knows its exponents, where it can be evaluated, and in which direction it may be read:

# %%
print("exponents", {name: str(power) for name, power in dense.exponents.items()})
try:
    separate.evaluate(n_routed=2, epsilon=0.1, l_star=4)
except ValueError as error:
    print("outside its domain:", error)

# %% [markdown]
# The savings are derived, with the region in which they are savings at all:

# %%
derive_savings(joint, dense)

# %%
wins(joint, separate)

# %% [markdown]
# The operations follow from the iterations times those of one step, which are counted. In joint
# training the routers, which score *every* patch, are only negligible where $k n \leq m l$, a
# condition that the published table does not state:

# %%
derive_computation("joint")

# %% [markdown]
# ## Held against a measurement
#
# The bounds are *sufficient* amounts. A simulation cannot confirm the exponent 8; it can
# contradict it, by needing samples that grow faster. So: $N^*$, the smallest $N$ with a mean
# test error of at most $\varepsilon$, for five $n$ and three $\varepsilon$, each with an interval.

# %%
P = 128
PLACES = (16, 24, 32, 48, 64)


def training(n_pooled):
    """Return the same training for all: to a loss of 0.03, the rate per pooled patch the same."""
    return SGD(0.2 * n_pooled, batch_size=20, n_steps=20_000, router_n_epochs=100, stop_loss=0.03)


levels = (0.2, 0.1, 0.05)
families = [
    Setting(
        {"n_patches": n},
        PatchPatterns(n, P, P + 2),
        DenseCNN(40, init_std=0.01),
        training(n),
        n_train=16,
    )
    for n in PLACES
]
search = Search(n_max=256, precision=0.15, min_draws=20, max_draws=60)
needed = SampleStudy(families, levels, search, n_test=500).run()
measured = Measurements.from_intervals(
    {"n_patches": needed.column("n_patches"), "epsilon": needed.column("epsilon")},
    needed.column("value"),
    needed.column("low"),
    needed.column("high"),
    what="N*",
)
check(dense, measured)

# %%
fig, ax = plt.subplots(figsize=(6.5, 4.4), layout="constrained")
for place, epsilon in enumerate(levels):
    rows = needed.select(epsilon=epsilon).rows
    plot_thresholds(
        rows,
        ax,
        x="n_patches",
        label=f"simulated, $\\varepsilon$ = {epsilon:g}",
        colour=f"C{place}",
        marker="os^"[place],
    )
    predicted = [predicted_samples(PatchPatterns(n, P, P + 2), epsilon)[0].samples for n in PLACES]
    ax.plot(PLACES, predicted, f"C{place}--")
first = needed.select(epsilon=0.05).rows[0]
plot_slope(8, (16, first["value"]), (16, 24), ax, label="slope of the bound, $n^8$")
ax.plot([], [], "k--", label="predicted")
number_ticks(ax, PLACES)
ax.set(
    xlabel="patches per input $n$",
    ylabel="samples $N^*(\\varepsilon)$",
    ylim=(5, 300),
    title="Dense network, $p$ = 128; bars: 95 % intervals",
)
ax.grid(alpha=0.3)
ax.legend(fontsize=9)
plt.show()

# %% [markdown]
# **What you see.** The bound is not violated, and says little: over these sizes $N^*$ grows with
# $n$ and $1/\varepsilon$ by powers of about one or less, where the bound has 8 and 16. An amount
# that suffices may be as loose as it likes. The dashed lines, by contrast, are meant to be true:
#
# ## 2 The learning curve, predicted
#
# `trained_error` and `joint_error` take the objects that the simulator takes and return the test
# error of the *trained* network, averaged over data, initial weights and batches. They solve
# reduced equations of the training for random training sets; no parameter is fitted.

# %%
patterns = PatchPatterns(n_patches=32, n_irrelevant=P, patch_dim=P + 2)
ARMS = {
    "dense": DenseCNN(40, init_std=0.01),
    "separate": SeparateMoE(2, 40, n_routed=4, init_std=0.01),
    "joint": JointMoE(8, 40, n_routed=8),
}
NAMES = {
    "dense": "dense",
    "separate": "separate, $k$ = 2, $l$ = 4",
    "joint": "joint, $k$ = 8, $l$ = 8",
}
sizes = (6, 10, 16, 24, 40, 64)
settings = grid(
    patterns,
    ARMS,
    training(1),
    n_train=sizes,
    links={"sgd.learning_rate": lambda at: 0.2 * at["n_pooled"]},
)
curves = Sweep(settings, n_test=500, n_draws=40).run()

# %%
fig, ax = plt.subplots(figsize=(7.5, 4.6), layout="constrained")
plot_curves(curves, "test_error", ax, arms=NAMES)
print("  N   " + "".join(f"{arm:^34}" for arm in ARMS))
table = {}
for arm, model in ARMS.items():
    theory = joint_error if arm == "joint" else trained_error
    found = [theory(patterns, model, training(model.patches_per_expert(32)), n) for n in sizes]
    error, spread = (np.array([getattr(f, c) for f in found]) for c in ("error", "standard_error"))
    colour, _ = look(arm, list(ARMS))
    ax.errorbar(sizes, error, 2 * spread, color=colour, linestyle="--", capsize=3, linewidth=1)
    table[arm] = error
for place, n in enumerate(sizes):
    cells = []
    for arm in ARMS:
        mean, std, draws = curves.mean_std("test_error", arm=arm, n_train=n)
        cells.append(f"{mean:.3f} ± {std / draws**0.5:.3f}, predicted {table[arm][place]:.3f}")
    print(f"{n:3d}   " + "".join(f"{cell:^34}" for cell in cells))
ax.plot([], [], "k--", label="predicted, ± 2 standard errors")
number_ticks(ax, sizes)
ax.set(
    xlabel="training samples $N$",
    ylabel="test error",
    ylim=(-0.02, 0.5),
    title="$n$ = 32, $p$ = 128; simulated: mean and 95 % interval (band) over 40 draws",
)
ax.legend(fontsize=9)
plt.show()

# %% [markdown]
# **What you see.** Solid lines and bands are simulation, dashed lines theory. The band of
# joint training is widest because single trainings differ: a run errs by 10 to 30 % if no
# expert's router has found the patch of one of the classes, and hardly at all otherwise. The
# theory is one of *means*; bands and the standard errors in the table are what to judge it by.
# Where a few bad draws decide the mean, these are too small themselves. At equal $N$ every pMoE
# errs less than the dense network, most where samples are few.
#
# ## 3 Routers, exactly
#
# Routers of separate training follow a linear loss, so that their law is known exactly: the chance
# that a router trained on $N$ samples keeps the discriminative patch of a *fresh* input among the
# $l$ that it selects. Experts do not matter here.

# %%
router_sizes = (4, 6, 8, 12, 16, 24)
router_training = SGD(1.0, batch_size=100, n_steps=1, router_n_epochs=100)
routers = Sweep(
    grid(
        patterns,
        {"separate": SeparateMoE(2, 4, 1)},
        router_training,
        n_train=router_sizes,
        axes={"model.n_routed": (1, 2, 4)},
    ),
    n_test=200,
    n_draws=100,
).run()

fig, ax = plt.subplots(figsize=(7, 4.2), layout="constrained")
print("  N   " + "".join(f"{f'l = {n_routed}, exact':^26}" for n_routed in (1, 2, 4)))
columns = []
for place, n_routed in enumerate((1, 2, 4)):
    network = SeparateMoE(2, 4, n_routed)
    exact = [router_success(patterns, network, router_training, n).own for n in router_sizes]
    stats = [routers.mean_std("router_success", n_routed=n_routed, n_train=n) for n in router_sizes]
    mean = np.array([s[0] for s in stats])
    error = np.array([s.standard_error for s in stats])
    low, high = np.array([s.interval() for s in stats]).T
    columns.append(
        [f"{m:.3f} ± {e:.3f}, {x:.3f}" for m, e, x in zip(mean, error, exact, strict=True)]
    )
    ax.plot(router_sizes, exact, f"C{place}-", label=f"exact, $l$ = {n_routed}")
    ax.errorbar(
        router_sizes,
        mean,
        [mean - low, high - mean],
        fmt="os^"[place],
        color=f"C{place}",
        capsize=3,
        label=f"simulated, $l$ = {n_routed}",
    )
for n, *cells in zip(router_sizes, *columns, strict=True):
    print(f"{n:3d}   " + "".join(f"{cell:^26}" for cell in cells))
number_ticks(ax, router_sizes)
ax.set(
    xlabel="samples that train the routers $N$",
    ylabel="chance that the patch is kept",
    title="$n$ = 32, $p$ = 128; bars: 95 % intervals of the mean over 100 draws",
)
ax.grid(alpha=0.3)
ax.legend(fontsize=9, ncols=2)
plt.show()

# %% [markdown]
# The table has mean ± standard error of the simulation, then the exact chance. Near 1 a few rare
# failures decide the mean, so that standard errors are too small where none of them was drawn. Ten
# samples or so are enough for the routers; that whole networks need more has another reason, which
# [1-phase-diagram](1-phase-diagram.ipynb) shows. Derivations:
# [bounds](../docs/theory/bounds.md), [trained networks](../docs/theory/trained.md),
# [joint training](../docs/theory/joint.md), [routers](../docs/theory/routers.md).
