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
# # A phase diagram in a minute
#
# How many samples does a Mixture-of-Experts need, and how does that depend on how much each of its
# experts reads? This notebook trains some 800 small networks and lays two lines of theory over the
# result, none of which was fitted.
#
# **The data.** An input is a sequence of $n$ patches (tokens). Exactly one of them, at a random
# place, tells the label: it is the pattern $o_1$ if $y = +1$ and $o_2$ if $y = -1$. All others are
# drawn from $p$ patterns that mean nothing. All patterns are orthonormal vectors.

# %%
import time

import matplotlib.pyplot as plt
import numpy as np

from moe_theory import SGD, PatchPatterns, SeparateMoE, Sweep, grid, train
from moe_theory.advice import predicted_samples
from moe_theory.plotting import cell_places, plot_cells, plot_sample
from moe_theory.predictions import router_success

patterns = PatchPatterns(n_patches=64, n_irrelevant=256, patch_dim=258)

few = PatchPatterns(n_patches=8, n_irrelevant=12, patch_dim=14)
fig, axes = plt.subplots(1, 2, figsize=(10, 3.2), layout="constrained")
for i, ax in enumerate(axes):
    plot_sample(few.sample(2, seed=1), i, ax)
fig.suptitle("Two inputs of a smaller law ($n$ = 8, $p$ = 12): every row is one patch")
plt.show()

# %% [markdown]
# **The network.** Two experts with 20 ReLU units each. A router, one vector per expert, scores all
# $n$ patches, and the expert receives the $l$ patches with the highest scores (*expert choice*). In
# *separate training* the routers are trained first, on a linear loss, then frozen, then the experts
# are trained by SGD. With $l = n$ every expert sees everything, as a dense network does.
#
# One training, on $N = 24$ samples with $l = 2$ of 64 patches:

# %%
sgd = SGD(0.2 * 2, batch_size=20, n_steps=20_000, router_n_epochs=100, stop_loss=0.03, record=10)
test = patterns.sample(2000, seed=0, split="test")
run = train(
    SeparateMoE(2, 40, n_routed=2, init_std=0.01),
    patterns.sample(24, seed=0),
    sgd,
    seed=0,
    test=test,
)
print(
    f"test error {run.error(test):.3f}, with the discriminative patch routed to the expert meant "
    f"for it in {run.routing(test).own:.1%} of 2000 fresh inputs"
)
run

# %% [markdown]
# ## All of them
#
# Now the same over $N$ and $l$, ten draws of data, weights and batches per cell. Every training
# runs to a mean loss of 0.03; the learning rate is 0.2 $l$, so that one routed patch moves the
# weights equally far whatever $l$ is. A trial *succeeds* if its test error is at most 5 %.

# %%
sizes = (4, 6, 8, 12, 16, 24, 34, 48, 68, 96, 136, 192, 272)
settings = grid(
    patterns,
    {"separate": SeparateMoE(2, 40, 1, init_std=0.01)},
    SGD(1.0, batch_size=20, n_steps=20_000, router_n_epochs=100, stop_loss=0.03),
    n_train=sizes,
    axes={"model.n_routed": (1, 2, 4, 8, 16, 32)},
    links={"sgd.learning_rate": lambda at: 0.2 * at["n_pooled"]},
)


def measure(run, test, train):
    error = run.error(test)
    return {"test_error": error, "success": error <= 0.05, "routed": run.routing(test).own}


started = time.perf_counter()
results = Sweep(settings, n_test=500, n_draws=10, measure=measure).run()
print(f"{len(results.rows)} networks in {time.perf_counter() - started:.0f} s")
results

# %% [markdown]
# ## Theory over it
#
# Two statements, made from the same objects that the simulation got:
#
# 1. `router_success`: the chance that a trained router keeps the discriminative patch of a fresh
#    input, exact for any $N$. The orange line is the smallest $N$ at which it is 95 %.
# 2. `predicted_samples`: the $N^*$ at which the *mean* test error of the whole network falls to
#    5 %, from reduced equations of its training, good to some 15 %. Red.


# %%
def routers_from(n_routed: int, level: float = 0.95) -> int:
    """Return the smallest even N at which routers keep the patch with the chance ``level``."""
    for n_train in range(4, 400, 2):
        one = SGD(1.0, batch_size=n_train, n_steps=1, router_n_epochs=100)
        if router_success(patterns, SeparateMoE(2, 40, n_routed), one, n_train).own >= level:
            return n_train
    raise ValueError(f"not reached with l = {n_routed}")


routed = results.unique("n_routed")
router_line = [routers_from(n_routed) for n_routed in routed]
predicted = {
    p.n_routed: p.samples for p in predicted_samples(patterns, 0.05) if p.arm == "separate"
}

fig, ax = plt.subplots(figsize=(7.5, 4.6), layout="constrained")
image = plot_cells(results, "success", ax, x="n_train", y="n_routed")
places = range(len(routed))
ax.plot(
    cell_places(sizes, np.array(router_line, float)),
    places,
    "C1-o",
    label="routers keep the patch in 95 % (exact)",
)
ax.plot(
    cell_places(sizes, np.array([predicted[n_routed] for n_routed in routed])),
    places,
    "C3-s",
    label="$N^*$: mean test error 5 % (predicted)",
)
ax.set(
    xlabel="training samples $N$",
    ylabel="patches routed to each expert $l$",
    title="Separate training, $n$ = 64, $p$ = 256, 10 trials a cell",
)
fig.colorbar(image, label="fraction of trials with test error ≤ 5 %")
ax.legend(loc="lower right", fontsize=9)
plt.show()

# %% [markdown]
# **What you see.**
#
# - *Small $l$ needs few samples*: the white region reaches down to $N \approx 10$ at $l = 1$. A
#   dense network, which averages the one patch that matters with 63 that do not, needs $N^*$ = 93.
# - *The transition is where the red line is.* Nothing in it was fitted to these trials.
# - *Routing is not the bottleneck.* From $l = 4$ on, routers find the patch on fresh inputs with
#   six samples or fewer (orange), yet success takes many more. What fails is the selection on the
#   *training* inputs: routers fitted on $N$ samples also pick those irrelevant patches that happen
#   to correlate with the label there, and the experts learn them. With $l$ = 16 and 32 of 64
#   patches that costs more samples than no routing at all.
#
# Success is a yes or no per trial, so that a cell has a standard error of up to
# $\sqrt{0.25/10} = 0.16$. The errors themselves, with their spread over draws:

# %%
print("test error, mean ± standard deviation over 10 draws")
print("   N  " + "".join(f"{f'l = {n_routed}':^17}" for n_routed in routed))
for n_train in sizes[::2]:
    cells = [
        results.mean_std("test_error", n_routed=n_routed, n_train=n_train) for n_routed in routed
    ]
    print(f"{n_train:4d}  " + "".join(f"{m:7.3f} ± {s:.3f}  " for m, s, _ in cells))

# %% [markdown]
# The published bound says that $N = \Omega(l^8/\varepsilon^{16})$ samples suffice. What grows here
# is far gentler; [3-theory-against-simulation](3-theory-against-simulation.ipynb) holds one against
# the other. At full scale: `make figure-phase SCALE=full`.
