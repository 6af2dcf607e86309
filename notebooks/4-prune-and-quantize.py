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
# # Prune and quantize
#
# A Mixture-of-Experts that was trained on many tasks and fine-tuned on one carries experts that the
# task does not need. Which may go, and which may be stored in fewer bits? Theory says: look at how
# much each *router* moved. This notebook does that on networks small enough to see everything, and
# holds it against other ways to choose.

# %%
from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np

from moe_theory import SGD, DigitPatches, DigitTasks, JointMoE, TaskPatterns, train, train_many
from moe_theory.bounds import pruning_bounds
from moe_theory.inference import (
    compression_limit,
    expert_scores,
    fine_tune,
    footprint,
    prune,
    quantize,
)
from moe_theory.plotting import plot_compression

# %% [markdown]
# ## Tasks, pre-training, fine-tuning
#
# Every input has 16 patches, one of which belongs to one of three *tasks*, each with a pattern for
# the label +1 and one for -1; the others are drawn from 128 patterns that mean nothing. Task 0 is
# rare: 2 % of pre-training. The network has 32 experts of 4 units, each of which receives the 4
# patches that its router scores highest.

# %%
tasks = TaskPatterns(16, n_irrelevant=128, patch_dim=134, frequencies=(0.02, 0.49, 0.49))
std = tasks.patch_dim**-0.5  # routers of norm 1, units of norm 1/2
model = JointMoE(
    32, 128, n_routed=4, output_weights="expert_signs", init_std=std / 2, router_init_std=std
)
sgd = SGD(0.8, batch_size=20, n_steps=2000, loss="hinge", stop_loss=0.1, router_learning_rate=4.0)
tuning = replace(sgd, stop_loss=0.01)
task = tasks.only(0)
model

# %%
pretrained = train(model, tasks.sample(1000, seed=0), sgd, seed=0)
tuned = fine_tune(pretrained, task.sample(300, seed=1), tuning, seed=1)
fresh = task.sample(2000, seed=2, split="test")
print(
    f"error on task 0: {pretrained.error(fresh):.3f} before, {tuned.error(fresh):.3f} after "
    "fine-tuning"
)
tuned

# %% [markdown]
# ## What moved
#
# $\Delta_s$ is the change of the $\ell_2$ norm of router $s$ in fine-tuning. The theorems: it is of
# order 1 for experts that learn the task, and at most of order $1/\sqrt d$ for the others.

# %%
pruning_bounds()["relevant"]

# %%
pruning_bounds()["irrelevant"]

# %%
metrics = tuned.routing(fresh)
gate = np.maximum(metrics.gate_positive, metrics.gate_negative)
change = tuned.router_norm_change

fig, ax = plt.subplots(figsize=(6.5, 3.8), layout="constrained")
carries = gate > 0.5
ax.scatter(gate[carries], change[carries], color="C3", label="carries the task (gate > ½)")
ax.scatter(gate[~carries], change[~carries], color="C0", marker="s", label="does not")
ax.axhline(std, color="0.4", linestyle=":", label="$1/\\sqrt{d}$")
ax.set(
    xlabel="mean gate of the task's patch, in the class that gets more",
    ylabel="change of router norm $\\Delta_s$",
    title="32 experts of one network",
)
ax.legend(fontsize=9)
ax.grid(alpha=0.3)
plt.show()
print(
    f"{carries.sum()} of 32 experts carry the task; mean change "
    f"{change[carries].mean():.3f} ± {change[carries].std(ddof=1):.3f} (standard deviation over "
    f"experts), of the others {change[~carries].mean():.3f} ± {change[~carries].std(ddof=1):.3f}"
)

# %% [markdown]
# ## Leave experts out
#
# Now ten networks, each with its own data, weights and batches. Experts are left out in the order
# of four scores, smallest first, *without* training again.

# %%
RATIOS = (0.0, 0.25, 0.5, 0.75, 0.875, 0.9375, 0.96875)
SCORES = ("router_norm_change", "gate_mass", "weight_magnitude", "random")


def tune_and_prune(run):
    """Fine-tune a network, prune it by every score; return the accuracies."""
    seed = run.seed[0]
    own, test = task.sample(300, seed + 100), task.sample(1000, seed, split="test")
    tuned = fine_tune(run, own, tuning, seed)
    metrics = tuned.routing(test)
    idle = np.maximum(metrics.gate_positive, metrics.gate_negative) <= 0.5
    accuracy = {}
    for score in SCORES:
        values = expert_scores(tuned, score, data=own, seed=seed)
        accuracy[score] = [1 - prune(tuned, ratio, values).error(test) for ratio in RATIOS]
    return {"before": 1 - tuned.error(test), "irrelevant": idle.mean(), **accuracy}


pruned = train_many(
    model, tasks, sgd, range(10), n_train=1000, reduce=tune_and_prune, progress=True
)
before = np.array([row["before"] for row in pruned])
irrelevant = np.array([row["irrelevant"] for row in pruned])

fig, ax = plt.subplots(figsize=(7.5, 4.4), layout="constrained")
left = 32 * (1 - np.array(RATIOS))
for score in SCORES:
    plot_compression(ax, left, [row[score] for row in pruned], score)
ax.axvline(
    32 * (1 - irrelevant.mean()), color="0.3", linestyle="--", label="all that carry the task"
)
ax.axvline(2, color="0.3", linestyle=":", label="one expert for each class")
ax.set_xscale("log", base=2)
ax.set_xlim(36, 0.9)
ax.set_xticks(left, [f"{n:g}" for n in left])
ax.set(
    xlabel="experts left, of 32",
    ylabel="test accuracy on the task",
    title="Mean and 95 % interval (band) over 10 networks",
)
ax.legend(fontsize=9, loc="lower left")
plt.show()

# %%
print(
    f"accuracy before: {before.mean():.3f} ± {before.std(ddof=1):.3f}; "
    f"experts that do not carry the task: {irrelevant.mean():.2f} ± {irrelevant.std(ddof=1):.2f}"
)
print("largest fraction left out at a loss below 1 %, with 95 % interval:")
for score in SCORES:
    limit = compression_limit(RATIOS, [row[score] for row in pruned], before)
    print(f"  {score:20} {limit.value:.3f} [{limit.milder:.3f}, {limit.harsher:.3f}]")

# %% [markdown]
# **What you see.** By the change of router norms, three quarters of the experts go for nothing, and
# this needs no data. The mass of the gates does as well or better, but has to see inputs of the
# task. Random choice soon hits an expert that counts. One expert for each class is the least a
# network can do with, as all output weights of an expert have one sign here. Beware: where
# pre-training has already taught the task, fine-tuning moves little, and the change of norms
# says less (`figures/pruning.py` draws that case beside this one).
#
# ## Fewer bits
#
# The same idea for storage, on digits, where each class shows one of two *features*: the digits 1
# and 0 in 90 % of the inputs, 7 and 6 in the others. Sixteen experts get 3 bits or 1 bit per
# weight, within an average. The claim [P26] is that experts whose routers changed *least* carry the
# rare features and need most bits. This package derives another rule: the noise that rounding an
# expert adds to the output, `rounding_noise`, predicted from the range of its weights and what it
# receives. What counts is the accuracy on the *rare* inputs.

# %%
features = DigitTasks(DigitPatches(), frequencies=(0.9, 0.1))
rare_only = DigitTasks(DigitPatches(), frequencies=(0.0, 1.0))
std = features.patch_dim**-0.5
small = JointMoE(
    16, 64, n_routed=4, output_weights="expert_signs", init_std=std / 2, router_init_std=std
)
learning = SGD(0.2, batch_size=20, n_steps=4000, stop_loss=0.03)
BITS = (3.0, 2.5, 2.0, 1.5, 1.0)
WAYS = ("smallest_change", "largest_change", "rounding_noise", "random")


def ranks(run, seed):
    """Return what ranks experts, most bits first, in every way."""
    changed = expert_scores(run, "router_norm_change")
    return {
        "smallest_change": -changed,
        "largest_change": changed,
        "rounding_noise": "rounding_noise",
        "random": expert_scores(run, "random", seed=seed),
    }


def quantize_all_ways(run):
    """Return the accuracies on rare inputs, at all bits and by all allocations."""
    seed = run.seed[0]
    few, rare = features.sample(500, seed), rare_only.sample(1000, seed, split="test")
    ranked = ranks(run, seed)
    found = {"exact": 1 - run.error(rare)}
    found["uniform"] = [1 - quantize(run, int(bits)).error(rare) for bits in (3, 2, 1)]
    for way in WAYS:
        found[way] = [
            1 - quantize(run, bits, allocation=ranked[way], levels=(3, 1), data=few).error(rare)
            for bits in BITS
        ]
    return found


rounded = train_many(
    small, features, learning, range(16), n_train=1000, reduce=quantize_all_ways, progress=True
)
exact = np.array([row["exact"] for row in rounded])

fig, ax = plt.subplots(figsize=(7.5, 4.4), layout="constrained")
plot_compression(ax, (3, 2, 1), [row["uniform"] for row in rounded], "uniform")
for way in WAYS:
    plot_compression(ax, BITS, [row[way] for row in rounded], way)
ax.axhline(exact.mean(), color="k", linewidth=0.8, label="32 bits")
ax.set(
    xlim=(3.05, 0.95),
    xlabel="average bits per expert weight",
    ylabel="test accuracy on rare inputs",
    title="Mean and 95 % interval (band) over 16 networks",
)
fig.legend(fontsize=9, loc="outside lower center", ncols=3)
plt.show()

# %%
print(f"accuracy on rare inputs at 32 bits: {exact.mean():.3f} ± {exact.std(ddof=1):.3f}")
print("loss of accuracy against 32 bits, mean over 16 networks ± standard error, in pairs")
for bits in (2.5, 2.0):
    for way in ("uniform", *WAYS):
        if way == "uniform" and bits != 2.0:
            continue
        place = 1 if way == "uniform" else BITS.index(bits)
        loss = exact - np.array([row[way][place] for row in rounded])
        error = loss.std(ddof=1) / len(loss) ** 0.5
        print(f"  {bits} bits, {way:16} {loss.mean():6.3f} ± {error:.3f}")

# %% [markdown]
# **What you see.** Two bits for all experts lose nothing that can be told from noise; mixing 3 and
# 1 bits at the same average does. Every expert takes 4 patches of every input here, so that the
# rounding of each enters every output, and the coarsest grids rule. Among the mixed ones every
# order beats chance on average. Which is best, 16 networks tell only roughly: at 2.5 bits,
# predicted noise and the *largest* change come out ahead of the smallest, at 2 bits all three lie
# within their errors. That is no support for the claim, and no proof against it; more allocations,
# routings and draws are in `figures/quantization.py`, and where the claim may hold is derived in
# [inference](../docs/theory/inference.md).
#
# ## What it takes
#
# `footprint` counts what a network takes to store and to run. Pruning saves both; bits save storage
# only. The fine-tuned network, three quarters pruned, at 4 bits:

# %%
footprint(tuned)

# %%
compressed = quantize(prune(tuned, 0.75), 4)
print(
    f"accuracy {1 - tuned.error(fresh):.3f} in full, {1 - compressed.error(fresh):.3f} compressed, "
    f"on 2000 inputs (standard error {0.5 / 2000**0.5:.3f} at most)"
)
footprint(compressed)
