"""The first phase of separate training: routers on the linear loss."""

from __future__ import annotations

from moe_theory import costs
from moe_theory._random import Seed, stream
from moe_theory.data.patch_data import PatchData
from moe_theory.kernels import routers as kernels
from moe_theory.models import Model, Weights
from moe_theory.training.batches import blocks
from moe_theory.training.flops import router_flops
from moe_theory.training.inputs import occurring
from moe_theory.training.sgd import SGD


def train_routers(
    model: Model,
    initial: Weights,
    data: PatchData,
    sgd: SGD,
    seed: Seed,
    *,
    router_data: PatchData | None,
) -> tuple[Weights, PatchData, costs.Flops]:
    """Return weights with trained routers, the samples left for the experts, and the cost."""
    assert initial.routers is not None
    own, theirs = data, router_data or data
    if sgd.router_samples == "split":
        n_theirs = sgd.router_split(data.n_samples)
        shuffled = stream(seed, "split").permutation(data.n_samples)
        own, theirs = data.subset(shuffled[n_theirs:]), data.subset(shuffled[:n_theirs])
    routers = initial.routers.copy()
    n_steps = sgd.router_steps(theirs.n_samples)
    sums = kernels.patch_sums(*occurring(theirs, sgd.dtype))
    rng = stream(seed, "router batches")
    for block in blocks(theirs.n_samples, sgd.router_batch, n_steps, rng):
        kernels.train_routers(
            sums, theirs.labels, routers, block.order, block.bounds, sgd.router_rate
        )
    routing = costs.patch_scores(
        n_samples=own.n_samples,
        n_patches=data.n_patches,
        n_experts=model.n_experts,
        patch_dim=data.patch_dim,
    )
    trained = Weights(initial.experts, initial.output, routers)
    return trained, own, costs.Flops(0, router_flops(model, theirs, sgd), routing)
