"""What the words for networks and data models stand for, and which fields are flags of each."""

from __future__ import annotations

from moe_theory.cli.flags import own_fields
from moe_theory.data import (
    ClusterSignal,
    DigitPatches,
    DigitTasks,
    PatchPatterns,
    SpuriousPatch,
    TaskPatterns,
)
from moe_theory.models import DenseCNN, JointMoE, SampleMoE, SeparateMoE, TokenChoiceMoE

MODELS: dict[str, type] = {
    "dense": DenseCNN,
    "separate": SeparateMoE,
    "joint": JointMoE,
    "token": TokenChoiceMoE,
    "sample": SampleMoE,
}
# A law, and the one that it is made of.
DATA: dict[str, tuple[type, ...]] = {
    "digits": (DigitPatches,),
    "patterns": (PatchPatterns,),
    "tasks": (TaskPatterns,),
    "clusters": (ClusterSignal,),
    "digit-tasks": (DigitTasks, DigitPatches),
    "spurious-digits": (SpuriousPatch, DigitPatches),
    "spurious-patterns": (SpuriousPatch, PatchPatterns),
}
# ``--digits`` is a file.
RENAMED: dict[tuple[type, str], str] = {(SpuriousPatch, "digits"): "spurious_digits"}
LEFT_OUT = {"base", "pools"}
# Settings of the training, and the networks that they change, where not all.
ONLY_OF = {
    "normalize_experts": ("dense", "sample"),
    "balance_weight": ("token", "sample"),
    "z_weight": ("token",),
    "bias_rate": ("token",),
    "noise_steps": ("token", "sample"),
    "record_load": ("separate", "joint", "token", "sample"),
    "router_learning_rate": ("separate", "joint", "token", "sample"),
    "router_batch_size": ("separate",),
    "router_n_steps": ("separate",),
    "router_n_epochs": ("separate",),
    "router_samples": ("separate",),
    "router_fraction": ("separate",),
}
# Of each two at most one may be given.
EITHER = (("n_steps", "n_epochs"), ("router_n_steps", "router_n_epochs"))

Place = tuple[type, str]


def flags_of(*kinds: type) -> dict[str, Place]:
    """Return the flags of specifications that belong together, with class and field of each.

    Examples
    --------
    >>> "spurious_digits" in flags_of(*DATA["spurious-digits"])
    True
    >>> "spurious_digits" in flags_of(*DATA["spurious-patterns"])
    False
    """
    found = {}
    for kind in kinds:
        for field in own_fields(kind):
            # A spurious pattern shows no digits.
            hidden = (kind, field) in RENAMED and DigitPatches not in kinds
            if field not in LEFT_OUT and not hidden:
                found[RENAMED.get((kind, field), field)] = (kind, field)
    return found
