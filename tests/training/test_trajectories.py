"""Whole trainings against scalar twins: the same weights, and the same number of operations."""

import counting_twins
import numpy as np
from cases import TRAINED, descents, problems, settings_of
from hypothesis import given, settings
from hypothesis import strategies as st

from moe_theory import DenseCNN, JointMoE, SeparateMoE, TokenChoiceMoE, train
from moe_theory._random import stream
from moe_theory.training.batches import blocks


def batches(n_samples, batch_size, n_steps, seed, name):
    for block in blocks(n_samples, batch_size, n_steps, stream(seed, name)):
        for first, last in zip(block.bounds[:-1], block.bounds[1:], strict=True):
            yield block.order[first:last]


def follow(model, data, own, router_data, sgd, seed, initial):
    """Train the twins; return them and the count of routing."""
    routers, routing = None, counting_twins.Counter()
    final = initial.routers
    if isinstance(model, SeparateMoE):
        routers = counting_twins.CountingRouters(initial.routers, sgd.router_rate, router_data)
        steps = sgd.router_steps(router_data.n_samples)
        for rows in batches(router_data.n_samples, sgd.router_batch, steps, seed, "router batches"):
            routers.step(rows)
        final = routers.routers
    twin = counting_twins.CountingSGD(model, initial, sgd)
    twin.n_patches = data.n_patches
    inputs = (
        own.patches()
        if model.learns_routers
        else counting_twins.received(model, final, own, routing)
    )
    rng = stream(seed, "routing noise")
    steps = batches(own.n_samples, sgd.batch_size, sgd.steps(own.n_samples), seed, "batches")
    for t, rows in enumerate(steps):
        noise = noise_of(model, sgd, t, len(rows), data.n_patches, rng)
        twin.step(inputs[rows], own.labels[rows].astype(float), noise)
    return twin, routers, routing


def noise_of(model, sgd, t, size, n_patches, rng):
    """Noise of step t, (B, k) of inputs that choose or (B, n, k) of patches; None without."""
    if getattr(model, "noise", "none") == "none":
        return None
    noise = model.next_noise(size, n_patches, rng)
    if isinstance(model, TokenChoiceMoE):
        noise = noise.reshape(size, n_patches, model.n_experts)
    return noise * max(0.0, 1 - t / sgd.noise_steps) if sgd.noise_steps else noise


@settings(max_examples=120)
@given(st.data(), st.integers(1, 9), st.integers(1, 8), st.integers(1, 5))
def test_twin_and_operation_count(given_data, batch_size, n_steps, router_steps):
    model, data, loss = given_data.draw(problems(TRAINED))
    sgd = settings_of(
        batch_size=batch_size, n_steps=n_steps, loss=loss, router_learning_rate=0.05,
        router_batch_size=3, router_n_steps=router_steps, **given_data.draw(descents(model)),
    )  # fmt: skip
    run = train(model, data, sgd, seed=5)
    twin, routers, routing = follow(model, data, data, data, sgd, 5, run.initial)
    # Sums are taken in another order: a few roundings of numbers of order 10, over ≤ 8 steps.
    np.testing.assert_allclose(run.weights.experts, twin.w, atol=1e-11)
    if (
        isinstance(model, TokenChoiceMoE)
        and model.patches_per_expert(data.n_patches) < data.n_patches
    ):
        assert run.flops.experts >= twin.c.count
    else:
        assert run.flops.experts == twin.c.count
    if model.learns_routers:
        np.testing.assert_allclose(run.weights.routers, twin.routers, atol=1e-11)
    if twin.bias is not None:
        np.testing.assert_allclose(run.weights.bias, twin.bias, atol=1e-13)
    if routers is not None:
        np.testing.assert_allclose(run.weights.routers, routers.routers, atol=1e-11)
        assert (run.flops.routers, run.flops.routing) == (routers.c.count, routing.count)
    assert run.flops.total == run.flops.experts + run.flops.routers + run.flops.routing


def patterns_data(n_samples, seed, split="train"):
    from moe_theory import PatchPatterns  # noqa: PLC0415

    model = PatchPatterns(n_patches=6, n_irrelevant=12, patch_dim=16)
    return model.sample(n_samples, seed, split=split)


def test_router_samples():
    model = SeparateMoE(2, 4, 2)
    data, other = patterns_data(11, 0), patterns_data(7, 1, "test")
    common = {"batch_size": 4, "n_steps": 5, "router_n_epochs": 2}
    for where, router_data in (("split", None), ("held_out", other)):
        sgd = settings_of(router_samples=where, router_fraction=0.4, **common)
        run = train(model, data, sgd, seed=2, router_data=router_data)
        own = data
        if where == "split":
            order = stream(2, "split").permutation(11)
            own, router_data = data.subset(order[4:]), data.subset(order[:4])  # noqa: PLW2901
        twin, routers, routing = follow(model, data, own, router_data, sgd, 2, run.initial)
        assert run.n_train == own.n_samples
        np.testing.assert_allclose(run.weights.experts, twin.w, atol=1e-12)
        np.testing.assert_allclose(run.weights.routers, routers.routers, atol=1e-12)
        assert run.flops.experts == twin.c.count
        assert (run.flops.routers, run.flops.routing) == (routers.c.count, routing.count)


def test_full_batch_routers_have_the_closed_form():
    """w₁(T) = w₁(0) + η_r T_r ĝ and w₂(T) = w₂(0) − η_r T_r ĝ."""
    data = patterns_data(30, 4)
    sgd = settings_of(router_learning_rate=0.5, router_batch_size=30, router_n_steps=40)
    run = train(SeparateMoE(4, 4, 2), data, sgd, seed=0)
    mean = (data.labels[:, None] * data.patches().sum(axis=1)).mean(axis=0)
    signs = np.array([1, -1, 1, -1])[:, None]
    expected = run.initial.routers + 0.5 * 40 * signs * mean
    np.testing.assert_allclose(run.weights.routers, expected, atol=1e-12)
    np.testing.assert_allclose(
        run.router_norm_change,
        np.linalg.norm(expected, axis=1) - np.linalg.norm(run.initial.routers, axis=1),
    )


def test_separate_with_all_patches_is_dense():
    data = patterns_data(12, 6)
    sgd = settings_of(batch_size=5, n_steps=30, learning_rate=0.5)
    dense = train(DenseCNN(6), data, sgd, seed=1)
    separate = train(SeparateMoE(2, 6, n_routed=6), data, sgd, seed=1)
    np.testing.assert_allclose(separate.weights.experts, dense.weights.experts, atol=1e-12)
    assert separate.flops.experts == dense.flops.experts


def test_single_precision_follows_double():
    data = patterns_data(40, 8)
    for model in (DenseCNN(6), SeparateMoE(2, 6, 3), JointMoE(2, 6, 3, router_init_std=0.5)):
        runs = [
            train(model, data, settings_of(batch_size=7, n_steps=60, dtype=dtype), seed=1)
            for dtype in ("float32", "float64")
        ]
        # 60 steps of relative rounding 6e-8 on weights of order 1, if no choice flips.
        np.testing.assert_allclose(runs[0].weights.experts, runs[1].weights.experts, atol=1e-5)
        assert runs[0].weights.experts.dtype == np.float32


def test_joint_with_one_patch_never_moves_its_routers():
    run = train(JointMoE(3, 6, 1), patterns_data(20, 1), settings_of(n_steps=30), seed=0)
    np.testing.assert_array_equal(run.weights.routers, run.initial.routers)
    assert not np.array_equal(run.weights.experts, run.initial.experts)
