"""Sizes against the arrays, operations against the scalar twin."""

import pytest
from cases import KINDS, networks, settings_of
from hypothesis import given, settings
from hypothesis import strategies as st

from moe_theory import (
    DenseCNN,
    JointMoE,
    PatchPatterns,
    SampleMoE,
    SeparateMoE,
    TokenChoiceMoE,
    costs,
    train,
)
from moe_theory.inference import Quantizer, footprint, prune, quantize

PATTERNS = PatchPatterns(n_patches=5, n_irrelevant=7, patch_dim=9)
DATA = PATTERNS.sample(10, seed=0)


@settings(max_examples=60)
@given(st.sampled_from(KINDS).flatmap(lambda k: networks(k, 5)))
def test_forward_and_backward_make_a_step(model):
    """The step that training counts is this forward pass and what follows from the slopes."""
    run = train(model, DATA, settings_of())
    n, d, m = 5, 9, model.n_hidden
    found = footprint(run).flops
    if isinstance(model, SeparateMoE):
        found -= 2 * n * model.n_experts * d
    if isinstance(model, DenseCNN | SeparateMoE):
        width = model.patches_per_expert(n)
        whole = costs.fixed_step(batch_size=1, n_routed=width, n_hidden=m, patch_dim=d,
                                 activation=model.activation)  # fmt: skip
        slopes = width * m * (4 if model.activation == "cubic" else 1)
        backward = 7 + slopes + 2 * width * m * d + 2 * m * d
    elif isinstance(model, JointMoE):
        width, k = model.patches_per_expert(n), model.n_experts
        whole = costs.joint_step(batch_size=1, n_patches=n, n_routed=width, n_experts=k,
                                 n_hidden=m, patch_dim=d)  # fmt: skip
        backward = 7 + width * m + 5 * width * k + 2 * (width * (m + k) + m + k) * d
    elif isinstance(model, SampleMoE):
        k, units, gated = model.n_experts, m // model.n_experts, model.gate == "softmax"
        sizes = {"n_patches": n, "n_experts": k, "units_per_expert": units, "patch_dim": d}
        whole = costs.sample_step(batch_size=1, **sizes, activation=model.activation,
                                  gated=gated, noisy=False)  # fmt: skip
        backward = 7 + n * units * (4 if model.activation == "cubic" else 1)
        backward += 2 * (n * units + m) * d + gated * (3 + k + 4 * k * d)
    else:
        k, pairs, units = model.n_experts, model.n_pairs(n), m // model.n_experts
        whole = costs.token_step(batch_size=1, n_patches=n, n_chosen=model.n_chosen,
                                 n_pairs=pairs, n_experts=k, units_per_expert=units,
                                 patch_dim=d)  # fmt: skip
        backward = 7 + pairs * (units + 1) + 2 * n * k + 2 * (pairs * units + n * k + m + k) * d
    assert found == whole - backward


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_bits_are_those_of_the_arrays(dtype):
    run = train(JointMoE(4, 12, 2), DATA, settings_of(dtype=dtype))
    found, width = footprint(run), {"float32": 32, "float64": 64}[dtype]
    assert found.expert_bits == 8 * run.weights.experts.nbytes
    assert found.other_bits == 8 * (run.weights.output.nbytes + run.weights.routers.nbytes)
    assert found.n_parameters == 12 * 9 + 12 + 4 * 9
    grids = Quantizer(symmetric=False, group_size=4)
    mixed = quantize(run, [1, 2, 3, 4], quantizer=grids)
    # Three units of nine weights per expert, in three groups with two numbers each.
    assert footprint(mixed).expert_bits == 3 * 9 * 10 + 12 * 6 * width
    halved = prune(mixed, 0.5, [0.0, 1.0, 0.0, 1.0])
    assert footprint(halved).expert_bits == 3 * 9 * 6 + 6 * 6 * width
    assert footprint(halved).other_bits == found.other_bits / 2
    assert footprint(mixed).flops == found.flops > footprint(halved).flops


def test_pruning_half_the_experts_halves_the_work():
    for model in (SeparateMoE(4, 12, 2), JointMoE(4, 12, 2), TokenChoiceMoE(4, 12, capacity=1)):
        run = train(model, DATA, settings_of())
        ratio = footprint(prune(run, 0.5, keep_routers=False)).flops / footprint(run).flops
        # Sums over patches and the softmax over experts are a few per cent of the whole.
        assert ratio == pytest.approx(0.5, abs=0.05)
