"""How much one call of a kernel does: so little that Ctrl-C is soon heard."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from moe_theory._stopping import stop_if_asked
from moe_theory.data.patch_data import PatchData
from moe_theory.models import Model
from moe_theory.training.flops import expert_flops
from moe_theory.training.gram import gram
from moe_theory.training.sgd import SGD

# About 0.1 s at most, and enough that the time of the call itself does not count.
CALL_WORK = 5e8
# What a gate costs, a comparison of scores, and a patch in an expert, in operations on vectors.
GATE_WORK, COMPARE_WORK, POOL_WORK = 300, 6, 4


def pieces(n_things: int, work: float) -> Iterator[tuple[int, int]]:
    """Yield the ends of pieces of so many things, ``work`` operations each; heed requests to stop.

    Examples
    --------
    >>> list(pieces(10, CALL_WORK / 4))
    [(0, 4), (4, 8), (8, 10)]
    """
    size = max(1, int(CALL_WORK // work))
    for first in range(0, n_things, size):
        stop_if_asked()
        yield first, min(first + size, n_things)


class Call(NamedTuple):
    """What one call does at most: steps, and samples to look at where an epoch ends."""

    n_steps: int
    n_samples: int


def largest_call(model: Model, data: PatchData, sgd: SGD, *, in_pattern_space: bool) -> Call:
    """Return how much makes about ``CALL_WORK`` operations, and at least one of each.

    Examples
    --------
    >>> from moe_theory import DenseCNN, PatchPatterns
    >>> data = PatchPatterns(n_patches=16, n_irrelevant=98, patch_dim=100).sample(200, seed=0)
    >>> sgd = SGD(1.0, batch_size=20, n_steps=100)
    >>> few, many = (largest_call(DenseCNN(40), data, sgd, in_pattern_space=where).n_steps
    ...              for where in (False, True))
    >>> 10 < few < many
    True
    """
    batch_size = min(sgd.batch_size, data.n_samples)
    sample = routing_work(model, data.n_patches)
    step = batch_size * sample
    if in_pattern_space:
        entries = 2 * gram(data.dictionary).n_entries + 4 * data.n_patterns
        step += (model.n_hidden + model.n_experts) * entries
        if model.kernel == "token":
            step += data.n_patterns * choice_work(model, data.n_patches)
    else:
        step += expert_flops(model, data, sgd, 1)
        sample = step // batch_size
    return Call(max(1, int(CALL_WORK // step)), max(1, int(CALL_WORK // sample)))


def routing_work(model: Model, n_patches: int) -> int:
    """Return the operations that route one input and sum its outputs, given those of patches."""
    if model.kernel == "token":
        return n_patches * choice_work(model, n_patches)
    if model.kernel == "sample":
        return model.n_experts * (2 * n_patches + COMPARE_WORK + GATE_WORK) + POOL_WORK * n_patches
    gates = COMPARE_WORK * n_patches + GATE_WORK if model.learns_routers else 0
    return model.n_experts * model.patches_per_expert(n_patches) * (gates + POOL_WORK)


def choice_work(model: Model, n_patches: int) -> int:
    """Return the operations by which one patch chooses its experts, given its scores."""
    return model.n_experts * (COMPARE_WORK * model.rule(n_patches).n_kept + GATE_WORK)
