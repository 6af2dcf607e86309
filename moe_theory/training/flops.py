"""Operations spent on the steps of a training, with the batch sizes that they had."""

from __future__ import annotations

from typing import Any

from moe_theory import costs
from moe_theory.data.patch_data import PatchData
from moe_theory.models import JointMoE, Model, SeparateMoE, TokenChoiceMoE
from moe_theory.training.batches import n_visits
from moe_theory.training.sgd import SGD


def expert_flops(model: Model, data: PatchData, sgd: SGD, n_steps: int) -> int:
    """Count the operations of the first ``n_steps`` steps of experts on ``data``."""

    def step(batch_size: int) -> int:
        if isinstance(model, TokenChoiceMoE):
            return token_step(model, batch_size, data.n_patches, data.patch_dim, sgd.loss)
        shared: dict[str, Any] = {
            "batch_size": batch_size,
            "n_routed": model.routed(data.n_patches),
            "n_hidden": model.n_hidden,
            "patch_dim": data.patch_dim,
            "loss": sgd.loss,
        }
        if isinstance(model, JointMoE):
            return int(
                costs.joint_step(n_patches=data.n_patches, n_experts=model.n_experts, **shared)
            )
        return int(costs.fixed_step(**shared))

    visits = n_visits(data.n_samples, sgd.batch_size, n_steps)
    return int(costs.over_steps(step, n_visits=visits, n_steps=n_steps))


def token_step(
    model: TokenChoiceMoE, batch_size: int, n_patches: int, patch_dim: int, loss: str
) -> int:
    """Count the operations of one step in which every expert that may be full is full.

    Exact without a capacity. With one it is an upper bound, as patches that all choose one expert
    are dropped while others have room.
    """
    return int(
        costs.token_step(
            batch_size=batch_size,
            n_patches=n_patches,
            n_pairs=model.n_pairs(n_patches),
            n_experts=model.n_experts,
            units_per_expert=model.units_per_expert,
            patch_dim=patch_dim,
            loss=loss,
        )
    )


def router_flops(model: SeparateMoE, data: PatchData, sgd: SGD) -> int:
    """Count the operations of separate router training on ``data``, sums of patches included."""
    n_steps = sgd.router_steps(data.n_samples)
    sums = costs.patch_sums(
        n_samples=data.n_samples, n_patches=data.n_patches, patch_dim=data.patch_dim
    )
    steps = costs.over_steps(
        lambda size: costs.router_step(
            batch_size=size, n_experts=model.n_experts, patch_dim=data.patch_dim
        ),
        n_visits=n_visits(data.n_samples, sgd.router_batch, n_steps),
        n_steps=n_steps,
    )
    return int(sums + steps)
