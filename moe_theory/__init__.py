"""Simulate, bound and predict why Mixture-of-Experts saves training compute, and how much."""

from typing import TYPE_CHECKING

from moe_theory._lazy import lazily
from moe_theory._version import __version__ as __version__

if TYPE_CHECKING:
    from moe_theory.data import (
        ClusterSignal,
        DataModel,
        DigitPatches,
        DigitTasks,
        PatchData,
        PatchPatterns,
        SpuriousPatch,
        TaskPatterns,
    )
    from moe_theory.experiments import (
        Results,
        SampleStudy,
        Search,
        Setting,
        Sweep,
        Threshold,
        TrainingStudy,
        grid,
        sample_complexity,
    )
    from moe_theory.models import (
        DenseCNN,
        JointMoE,
        SampleMoE,
        SeparateMoE,
        TokenChoiceMoE,
        Weights,
    )
    from moe_theory.routing import (
        Load,
        RoutingMetrics,
        choose_experts,
        choose_for_inputs,
        choose_patches,
        dispatch_entropy,
        expert_load,
        input_routing_metrics,
        routing_metrics,
        token_routing_metrics,
    )
    from moe_theory.training import (
        SGD,
        DeadNetworkWarning,
        DivergenceError,
        FileError,
        TrainingRun,
        train,
        train_many,
        upcycle,
    )
else:
    __getattr__, __dir__ = lazily(
        __name__,
        {
            ".advice": "",
            ".bounds": "",
            ".costs": "",
            ".data": "ClusterSignal DataModel DigitPatches DigitTasks PatchData PatchPatterns "
            "SpuriousPatch TaskPatterns",
            ".experiments": "Results SampleStudy Search Setting Sweep Threshold TrainingStudy "
            "grid sample_complexity",
            ".flow": "",
            ".inference": "",
            ".models": "DenseCNN JointMoE SampleMoE SeparateMoE TokenChoiceMoE Weights",
            ".plotting": "",
            ".predictions": "",
            ".routing": "Load RoutingMetrics choose_experts choose_for_inputs choose_patches "
            "dispatch_entropy expert_load input_routing_metrics routing_metrics "
            "token_routing_metrics",
            ".statistics": "",
            ".training": "SGD DeadNetworkWarning DivergenceError FileError "
            "TrainingRun train train_many upcycle",
        },
    )

__all__ = [
    "SGD",
    "ClusterSignal",
    "DataModel",
    "DeadNetworkWarning",
    "DenseCNN",
    "DigitPatches",
    "DigitTasks",
    "DivergenceError",
    "FileError",
    "JointMoE",
    "Load",
    "PatchData",
    "PatchPatterns",
    "Results",
    "RoutingMetrics",
    "SampleMoE",
    "SampleStudy",
    "Search",
    "SeparateMoE",
    "Setting",
    "SpuriousPatch",
    "Sweep",
    "TaskPatterns",
    "Threshold",
    "TokenChoiceMoE",
    "TrainingRun",
    "TrainingStudy",
    "Weights",
    "choose_experts",
    "choose_for_inputs",
    "choose_patches",
    "dispatch_entropy",
    "expert_load",
    "grid",
    "input_routing_metrics",
    "routing_metrics",
    "sample_complexity",
    "token_routing_metrics",
    "train",
    "train_many",
    "upcycle",
]
