"""Operations of token choice with all its options against a twin that counts."""

import counting_token
import numpy as np
import pytest
from cases import descents, networks, settings_of
from counting_twins import CountingSGD
from hypothesis import given, settings
from hypothesis import strategies as st

from moe_theory import PatchPatterns, TokenChoiceMoE, Weights, costs, train
from moe_theory.inference import footprint

SIZES = ("batch_size", "n_patches", "n_pairs", "n_experts", "units_per_expert", "patch_dim")


@settings(max_examples=200)
@given(st.data(), st.integers(1, 5), st.integers(1, 4), st.booleans())
def test_one_input_with_the_pairs_that_there_were(draws, n, dim, biased):
    """Forward and a step, also where patches are dropped."""
    model = draws.draw(networks("practised", n))
    sgd = settings_of(loss=draws.draw(st.sampled_from(["logistic", "hinge"])),
                      **draws.draw(descents(model)))  # fmt: skip
    start = model.initial_weights(dim, 0)
    if biased:
        start = Weights(start.experts, start.output, start.routers, np.zeros(model.n_experts))
    rng = np.random.default_rng(0)
    x = rng.normal(size=(1, n, dim))
    noise = rng.normal(size=(1, n, model.n_experts)) if model.noise != "none" else None
    sizes = {
        "batch_size": 1, "n_patches": n, "n_chosen": model.n_chosen, "patch_dim": dim,
        "n_experts": model.n_experts, "units_per_expert": model.units_per_expert,
        "options": costs.TokenOptions(
            model.n_shared, model.gate, model.renormalize, noisy=noise is not None
        ),
    }  # fmt: skip

    twin = CountingSGD(model, start, settings_of())
    visit = counting_token.visit(twin, x[0], None)
    counting_token.forward(twin, visit)
    whole = costs.token_forward(**sizes, n_pairs=visit.room.sum(), biased=biased)
    assert twin.c.count == whole

    twin = CountingSGD(model, start, sgd)
    room = counting_token.visit(twin, x[0], None if noise is None else noise[0]).room
    twin.c.count = 0
    twin.step(x, [1.0], noise)
    assert twin.c.count == costs.token_step(
        **sizes, n_pairs=room.sum(), loss=sgd.loss,
        parts=costs.StepParts(
            balanced=sgd.balance_weight > 0, z_loss=sgd.z_weight > 0, biased=twin.bias is not None
        ),
    )  # fmt: skip


@given(st.tuples(*(st.integers(0, 50) for _ in SIZES)), st.integers(1, 9))
def test_plain_token_choice_takes_what_the_table_says(values, n_chosen):
    B, n, E, k, u, d = values
    sizes = dict(zip(SIZES, values, strict=True), n_chosen=n_chosen)
    forward = 2 * B * k * n * d + 4 * B * k * n + 2 * B * E * u * (d + 1) + 2 * B * E + B * n + B
    assert costs.token_forward(**sizes) == forward
    backward = B * E * u + 2 * B * k * n + B * E + 2 * B * (E * u + k * n) * d + 2 * k * (u + 1) * d
    assert costs.token_step(**sizes) == forward + 7 * B + backward


PATTERNS = PatchPatterns(n_patches=5, n_irrelevant=7, patch_dim=9)
DATA = PATTERNS.sample(10, seed=0)


def test_runs_count_their_own_options():
    """One option at a time, by what it adds to a step of 10 inputs, 5 patches and 4 experts."""
    rows, k, d = 50, 4, 9
    plain = TokenChoiceMoE(4, 12, 2, router_init_std=0.5)
    base = train(plain, DATA, settings_of()).flops.total
    slopes = 2 * rows * (k - 2) * d
    added = {
        "gate": ({"gate": "sigmoid"}, {}, -4 * rows * k + 3 * rows * 2 - slopes
                 - (2 * rows * k + 2 * rows) + 4 * rows * 2),
        "renormalize": ({"renormalize": True}, {}, -4 * rows * 2 - slopes - 2 * rows * 2),
        "noise": ({"noise": "uniform"}, {}, rows * k),
        "balance": ({}, {"balance_weight": 0.1}, 2 * k + 2 + 5 * rows * k),
        "z": ({}, {"z_weight": 0.1}, 2 + rows * (2 * k + 3)),
        "bias": ({}, {"bias_rate": 0.1}, rows * k + k),
    }  # fmt: skip
    for name, (of_model, of_sgd, more) in added.items():
        model = TokenChoiceMoE(4, 12, 2, router_init_std=0.5, **of_model)
        found = train(model, DATA, settings_of(**of_sgd)).flops.total
        assert found - base == more, name
    shared = TokenChoiceMoE(4, 18, 2, router_init_std=0.5, n_shared=2)
    more = 2 * rows * (4 * 3 * d + 3 * 3 + 1) + 2 * 2 * 3 * d
    assert train(shared, DATA, settings_of()).flops.total - base == more


def test_a_bias_counts_where_there_is_one():
    model = TokenChoiceMoE(4, 12, 2, router_init_std=0.5, gate="sigmoid")
    start = model.initial_weights(9, 0)
    given_bias = Weights(start.experts, start.output, start.routers, np.full(4, 0.1))
    moved = train(model, DATA, settings_of(bias_rate=0.1), initial=start)
    runs = train(model, DATA, settings_of()), train(model, DATA, settings_of(), initial=given_bias)
    assert runs[1].flops.total == moved.flops.total > runs[0].flops.total
    # Sigmoids of the two others as well, and the additions.
    assert footprint(runs[1]).flops - footprint(runs[0]).flops == 5 * (3 * 2 + 4)


def test_finer_experts_take_the_same_operations():
    """More routers and gates, but every operation on units is there as often as before."""
    for own in ({}, {"gate": "sigmoid", "renormalize": True}, {"n_shared": 1}):
        more = []
        for units in (6, 18):
            n_experts = 4 + own.get("n_shared", 0)
            model = TokenChoiceMoE(4, n_experts * units, 2, **own)
            fine = model.finer(3)
            assert fine.n_pairs(5) * fine.units_per_expert == 5 * 2 * units
            assert (fine.n_experts, fine.n_chosen, fine.n_hidden) == (12, 6, model.n_hidden)
            more.append(
                fine.step_flops(7, 5, 9, "logistic") - model.step_flops(7, 5, 9, "logistic")
            )
        assert more[0] == more[1] > 0


def test_options_that_are_none():
    with pytest.raises(ValueError, match="gate must be one of 'softmax', 'sigmoid'; got 'relu'"):
        costs.TokenOptions(gate="relu")
    with pytest.raises(ValueError, match="renormalize must be True or False"):
        costs.TokenOptions(renormalize=1.5)
    with pytest.raises(ValueError, match="n_shared must be a number >= 0"):
        costs.TokenOptions(n_shared=-1)
    with pytest.raises(ValueError, match="biased must be True or False"):
        costs.StepParts(biased=1.5)
    sizes = dict.fromkeys(SIZES, 2)
    for kind in (np.int8, np.float64):
        shared = costs.TokenOptions(n_shared=kind(100))
        exact = costs.token_step(**sizes, n_chosen=1, options=costs.TokenOptions(n_shared=100))
        assert costs.token_step(**sizes, n_chosen=1, options=shared) == exact
    with pytest.raises(ValueError, match="biased must be True or False"):
        costs.token_forward(**sizes, n_chosen=1, biased=1.5)
    with pytest.raises(TypeError, match="options must be TokenOptions"):
        costs.token_forward(**sizes, n_chosen=1, options={"gate": "sigmoid"})
    with pytest.raises(TypeError, match="parts must be StepParts"):
        costs.token_step(**sizes, n_chosen=1, parts=True)
