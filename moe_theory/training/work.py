"""How many steps one call of a kernel takes: few enough that Ctrl-C is soon heard."""

from __future__ import annotations

from moe_theory.data.patch_data import PatchData
from moe_theory.models import JointMoE, Model, TokenChoiceMoE
from moe_theory.training.flops import expert_flops
from moe_theory.training.gram import gram
from moe_theory.training.sgd import SGD

# About 0.1 s at most, and enough that the time of the call itself does not count.
CALL_WORK = 5e8
# What a gate costs, and a comparison of scores, in operations on vectors.
GATE_WORK, COMPARE_WORK = 300, 6


def steps_per_call(model: Model, data: PatchData, sgd: SGD, *, in_pattern_space: bool) -> int:
    """Return how many steps make about ``CALL_WORK`` operations, and at least one.

    Examples
    --------
    >>> from moe_theory import DenseCNN, PatchPatterns
    >>> data = PatchPatterns(n_patches=16, n_irrelevant=98, patch_dim=100).sample(200, seed=0)
    >>> sgd = SGD(1.0, batch_size=20, n_steps=100)
    >>> few, many = (steps_per_call(DenseCNN(40), data, sgd, in_pattern_space=where)
    ...              for where in (False, True))
    >>> 10 < few < many
    True
    """
    batch_size = min(sgd.batch_size, data.n_samples)
    n_patches, gated = data.n_patches, 0
    if isinstance(model, JointMoE):
        n_routed = model.routed(n_patches)
        gated = batch_size * model.n_experts * n_routed * (COMPARE_WORK * n_patches + GATE_WORK)
    elif isinstance(model, TokenChoiceMoE):
        rows = batch_size * n_patches + (data.n_patterns if in_pattern_space else 0)
        gated = rows * model.n_experts * (COMPARE_WORK * model.n_chosen + GATE_WORK)
    if in_pattern_space:
        entries = 2 * gram(data.dictionary).n_entries + 4 * data.n_patterns
        pooled = batch_size * model.n_experts * model.routed(n_patches)
        work = gated + 4 * pooled + (model.n_hidden + model.n_experts) * entries
    else:
        work = gated + expert_flops(model, data, sgd, 1)
    return max(1, int(CALL_WORK // work))
