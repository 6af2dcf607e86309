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
# # Bring your own data
#
# The package's own data models are two of many. Anything that has a number of patches `n_patches`
# and a method `sample(n_samples, seed, split=...)` is a data model: it trains, sweeps and is searched
# for its sample complexity $N^*$ like the others. Here is one with two knobs that real inputs have
# and the textbook law has not:
#
# - **several discriminative patches**: an object covers more than one patch of an image;
# - **irrelevant patterns of unequal frequency**, by Zipf's law: "the" is more frequent than "thence".
#
# Which network gains, and why?

# %%
from dataclasses import dataclass

import matplotlib.pyplot as plt
import numpy as np

from moe_theory import (
    SGD,
    DataModel,
    DenseCNN,
    JointMoE,
    PatchData,
    SampleStudy,
    Search,
    SeparateMoE,
    Sweep,
    grid,
    route,
)
from moe_theory.data.protocol import draw_labels, split_stream
from moe_theory.plotting import number_ticks, plot_curves


@dataclass(frozen=True)
class MyPatches:
    """Inputs with ``n_signal`` discriminative patches among patterns of Zipf's frequencies."""

    n_patches: int = 32
    n_irrelevant: int = 128
    n_signal: int = 1
    zipf: float = 0.0

    @property
    def frequencies(self) -> np.ndarray:
        weights = np.arange(1, self.n_irrelevant + 1) ** -self.zipf
        return weights / weights.sum()

    def sample(self, n_samples: int, seed: int, *, split: str = "train") -> PatchData:
        # A stream of its own for every use of randomness: equal seeds give equal data.
        labels = draw_labels(n_samples, 0.5, True, split_stream(seed, split, "labels"))
        rng = split_stream(seed, split, "irrelevant")
        indices = 2 + rng.choice(self.n_irrelevant, (n_samples, self.n_patches), p=self.frequencies)
        places = rng.permuted(np.tile(np.arange(self.n_patches), (n_samples, 1)), axis=1)
        places = places[:, : self.n_signal]
        # Rows 0 and 1 of the dictionary are the patterns of the classes +1 and -1.
        np.put_along_axis(indices, places, np.where(labels > 0, 0, 1)[:, None], axis=1)
        return PatchData(np.eye(self.n_irrelevant + 2), indices, labels, positions=places[:, 0])


assert isinstance(MyPatches(), DataModel)
data = MyPatches(n_signal=2).sample(4, seed=0)
print(data, "\nlabels", data.labels)
print(data.indices)

# %% [markdown]
# Every row above is an input; 0 and 1 are the patterns that tell the label, all other numbers
# mean nothing. `PatchData` stores patches as indices into a dictionary; because patterns repeat,
# training runs in *pattern space*, at a cost that does not depend on their dimension.
# Data without repetition come in by `PatchData.from_patches`, and everything below works the same.
#
# ## Learning curves
#
# Three laws, three networks of $m = 40$ hidden units: a **dense** CNN that averages over all
# 32 patches; a patch-level MoE with **separate** training of routers ($k = 2$ experts that receive
# $l = 2$ patches each) and one with **joint** training ($k = 8$, $l = 8$). The learning rate is 0.2
# times the number of patches that a network averages over, so that one patch moves the weights
# equally far in all of them.

# %%
LAWS = {
    "textbook": MyPatches(),
    "two discriminative patches": MyPatches(n_signal=2),
    "Zipf frequencies": MyPatches(zipf=1.0),
}
ARMS = {
    "dense": DenseCNN(40, init_std=0.01),
    "separate": SeparateMoE(2, 40, n_routed=2, init_std=0.01),
    "joint": JointMoE(8, 40, n_routed=8),
}
NAMES = {
    "dense": "dense",
    "separate": "separate, $k$ = 2, $l$ = 2",
    "joint": "joint, $k$ = 8, $l$ = 8",
}


def of_law(name, n_train):
    return grid(
        LAWS[name],
        ARMS,
        SGD(1.0, batch_size=20, n_steps=20_000, router_n_epochs=100, stop_loss=0.03),
        n_train=n_train,
        links={"sgd.learning_rate": lambda at: 0.2 * at["n_pooled"]},
        labels={"law": name},
    )


def measure(run, test, train):
    """Measure the error, and how often an expert of the class receives a discriminative patch."""
    row = {"test_error": run.error(test), "found": None}
    if run.weights.routers is not None:
        chosen, _ = route(test.dictionary, test.indices, run.weights.routers, run.model.n_routed)
        received = np.take_along_axis(test.indices[:, None, :], chosen, axis=2)
        row["found"] = float((received < 2).any(axis=2).mean(axis=0).max())
    return row


sizes = (4, 6, 8, 12, 16, 24, 34, 48, 68, 96)
settings = [setting for name in LAWS for setting in of_law(name, sizes)]
results = Sweep(settings, n_test=1000, n_draws=12, measure=measure).run()

fig, axes = plt.subplots(1, 3, figsize=(13, 3.8), sharey=True, layout="constrained")
for ax, name in zip(axes, LAWS, strict=True):
    plot_curves(results.select(law=name), "test_error", ax, arms=NAMES)
    ax.axhline(0.05, color="0.4", linestyle=":", label="$\\varepsilon$ = 5 %")
    number_ticks(ax, sizes)
    ax.set(title=name, xlabel="training samples $N$", ylim=(-0.02, 0.55))
axes[0].set_ylabel("test error")
axes[0].legend(fontsize=9)
fig.suptitle("Mean and standard deviation (band) over 12 draws of data, weights and batches")

# %% [markdown]
# ## $N^*$: samples to 5 % error
#
# `SampleStudy` searches for the smallest $N$ at which the mean test error is 5 %, adds draws where
# the curve crosses, and gives a 95 % interval by resampling the draws.

# %%
families = [setting for name in LAWS for setting in of_law(name, 16)]
search = Search(n_max=512, precision=0.2, min_draws=20, max_draws=60)
needed = SampleStudy(families, epsilon=0.05, search=search).run()

print(f"{'N* at 5 %':28}" + "".join(f"{arm:^22}" for arm in ARMS))
for name in LAWS:
    rows = [needed.select(law=name, arm=arm).rows[0] for arm in ARMS]
    cells = [f"{row['value']:.1f} [{row['low']:.1f}, {row['high']:.1f}]" for row in rows]
    print(f"{name:28}" + "".join(f"{cell:^22}" for cell in cells))

fig, ax = plt.subplots(figsize=(7.5, 3.6), layout="constrained")
for shift, (arm, colour) in enumerate(zip(ARMS, ("C0", "C1", "C2"), strict=True)):
    rows = [needed.select(law=name, arm=arm).rows[0] for name in LAWS]
    value, low, high = (np.array([row[c] for row in rows]) for c in ("value", "low", "high"))
    ax.errorbar(
        np.arange(3) + 0.15 * (shift - 1),
        value,
        [value - low, high - value],
        fmt="os^"[shift],
        color=colour,
        capsize=3,
        label=NAMES[arm],
    )
ax.set_yscale("log")
ax.set_xticks(range(3), LAWS)
ax.set(ylabel="$N^*$ at $\\varepsilon$ = 5 %, with 95 % interval")
ax.grid(alpha=0.3, axis="y")
ax.legend(fontsize=9)
