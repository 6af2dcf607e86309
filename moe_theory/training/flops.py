"""Operations spent on the steps of a training, with the batch sizes that they had."""

from __future__ import annotations

from moe_theory import costs
from moe_theory.data.patch_data import PatchData
from moe_theory.models import Model
from moe_theory.training.batches import n_visits
from moe_theory.training.sgd import SGD


def expert_flops(
    model: Model, data: PatchData, sgd: SGD, n_steps: int, *, biased: bool | None = None
) -> int:
    """Count the operations of the first ``n_steps`` steps of experts on ``data``.

    ``biased`` tells whether the choice of experts has a bias; by default if training moves it.
    """
    parts = costs.StepParts(
        normalize_experts=sgd.normalize_experts,
        balanced=sgd.balance_weight > 0,
        z_loss=sgd.z_weight > 0,
        biased=sgd.bias_rate > 0 if biased is None else biased,
    )

    def step(batch_size: int) -> int:
        return model.step_flops(batch_size, data.n_patches, data.patch_dim, sgd.loss, parts=parts)

    visits = n_visits(data.n_samples, sgd.batch_size, n_steps)
    return int(costs.over_steps(step, n_visits=visits, n_steps=n_steps))


def router_flops(model: Model, data: PatchData, sgd: SGD) -> int:
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
