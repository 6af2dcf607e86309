"""Operations spent on the steps of a training, with the batch sizes that they had."""

from __future__ import annotations

from moe_theory import costs
from moe_theory.data.patch_data import PatchData
from moe_theory.models import JointMoE, Model
from moe_theory.training.sgd import SGD


def expert_flops(model: Model, data: PatchData, sgd: SGD, n_steps: int) -> int:
    """Count the operations of the first ``n_steps`` steps of experts on ``data``."""
    full = min(sgd.batch_size, data.n_samples)
    n_full, rest = divmod(data.n_samples, full)
    n_epochs, beyond = divmod(n_steps, n_full + (rest > 0))
    sizes = {full: n_epochs * n_full + beyond, rest: n_epochs}
    return sum(
        n_batches * _step_flops(model, data, sgd, size) for size, n_batches in sizes.items() if size
    )


def _step_flops(model: Model, data: PatchData, sgd: SGD, batch_size: int) -> int:
    n_routed = model.routed(data.n_patches)
    if isinstance(model, JointMoE):
        operations = costs.joint_step(
            batch_size=batch_size,
            n_patches=data.n_patches,
            n_routed=n_routed,
            n_experts=model.n_experts,
            n_hidden=model.n_hidden,
            patch_dim=data.patch_dim,
            loss=sgd.loss,
        )
    else:
        operations = costs.fixed_step(
            batch_size=batch_size,
            n_routed=n_routed,
            n_hidden=model.n_hidden,
            patch_dim=data.patch_dim,
            loss=sgd.loss,
        )
    return int(operations)
