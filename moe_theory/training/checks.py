"""What is given to a training, checked before any work."""

from __future__ import annotations

from dataclasses import replace

from moe_theory._arguments import check_network, check_samples
from moe_theory._validation import finite, instance, reject
from moe_theory.data.patch_data import PatchData
from moe_theory.models import DenseCNN, Model, SampleMoE, TokenChoiceMoE, Weights
from moe_theory.models.score_noise import NoisyScores
from moe_theory.models.weights import NAMES
from moe_theory.training.sgd import SGD


def check_fit(
    model: Model, data: PatchData, sgd: SGD, test: PatchData | None, router_data: PatchData | None
) -> None:
    """Raise ``TypeError`` for a wrong object, ``ValueError`` where they do not fit together."""
    check_network(model)
    check_samples(data)
    instance("sgd", sgd, SGD, "an SGD")
    model.patches_per_expert(data.n_patches)
    check_descent(model, sgd)
    for name, other in (("test", test), ("router_data", router_data)):
        if other is None:
            continue
        check_samples(other, name)
        shape = (other.n_patches, other.patch_dim)
        if shape != (data.n_patches, data.patch_dim):
            allowed = f"{(data.n_patches, data.patch_dim)} as in the training data"
            raise reject(f"{name} (n, d)", shape, allowed)
    wanted = model.routers_first and sgd.router_samples == "held_out"
    if wanted and router_data is None:
        raise reject("router_data", None, 'given, as router_samples is "held_out"')
    if router_data is not None and not wanted:
        allowed = 'None unless a SeparateMoE is trained with router_samples="held_out"'
        raise reject("router_data", router_data, allowed)


def check_descent(model: Model, sgd: SGD) -> None:
    """Raise ``ValueError`` if the network is not trained in the way that ``sgd`` asks for."""
    kind = type(model).__name__
    if sgd.normalize_experts and not isinstance(model, DenseCNN | SampleMoE):
        allowed = f"False for a {kind}: only a DenseCNN and a SampleMoE are trained so"
        raise reject("normalize_experts", True, allowed)
    chosen = isinstance(model, SampleMoE | TokenChoiceMoE)
    if sgd.balance_weight > 0 and not chosen:
        allowed = f"0 for a {kind}: only a TokenChoiceMoE and a SampleMoE have a balance loss"
        raise reject("balance_weight", sgd.balance_weight, allowed)
    for name in ("z_weight", "bias_rate"):
        if getattr(sgd, name) > 0 and not isinstance(model, TokenChoiceMoE):
            allowed = f"0 for a {kind}: only a TokenChoiceMoE is trained so"
            raise reject(name, getattr(sgd, name), allowed)
    if sgd.z_weight > 0 and getattr(model, "gate", "softmax") == "sigmoid":
        raise reject("z_weight", sgd.z_weight, "0 with sigmoid gates, as it is that of a softmax")
    noisy = isinstance(model, NoisyScores) and model.noise != "none"
    if sgd.noise_steps is not None and not noisy:
        raise reject("noise_steps", sgd.noise_steps, "None for a network without noise")
    if sgd.record_load and isinstance(model, DenseCNN):
        raise reject("record_load", True, f"False for a {kind}, which has no experts to load")


def check_initial(initial: Weights) -> None:
    """Raise an error unless a training can start at the weights ``initial``."""
    instance("initial", initial, Weights, "Weights, such as run.weights of a TrainingRun")
    for name in NAMES:
        array = getattr(initial, name)
        if array is not None:
            finite(f"initial.{name}", array)


def check_ties(model: Model, initial: Weights, n_patches: int, *, noise_ends: bool = False) -> None:
    """Raise ``ValueError`` if rounding alone would decide what routers choose.

    A router that starts at 0 scores 0 every patch that it has not met, but for rounding, which is
    not the same in ℝᵈ and in pattern space. Noise that ends does not decide thereafter.
    """
    if initial.routers is None:
        return
    if noise_ends and isinstance(model, NoisyScores):
        model = replace(model, noise="none")
    at_zero = int((~initial.routers.any(axis=1)).sum())
    if model.tied(at_zero, n_patches):
        raise ValueError(
            "router_init_std must be above 0, such as 1e-4, unless nothing has to be chosen: of "
            f"{model.n_experts} routers {at_zero} start at 0, and by rounding alone they would "
            "tell patches apart that they have not met"
        )
