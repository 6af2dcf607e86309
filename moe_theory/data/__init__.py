"""Synthetic and real data models of discriminative patches.

One file per law of inputs: `patterns`, `clusters`, `spurious`, `tasks`, `digits`, `digit_tasks`. In
`protocol` is what they share: the interface, how labels and places are drawn, and from which
streams; in `dictionary`, how patterns lie to each other; in `patch_data`, what a law draws.
"""

from moe_theory.data.clusters import ClusterSignal
from moe_theory.data.digit_tasks import DigitTasks
from moe_theory.data.digits import DigitPatches
from moe_theory.data.idx import read_idx
from moe_theory.data.pack import Packed, pack_idx
from moe_theory.data.patch_data import PatchData
from moe_theory.data.patterns import PatchPatterns
from moe_theory.data.protocol import DataModel
from moe_theory.data.spurious import SpuriousPatch
from moe_theory.data.tasks import TaskPatterns

__all__ = [
    "ClusterSignal",
    "DataModel",
    "DigitPatches",
    "DigitTasks",
    "Packed",
    "PatchData",
    "PatchPatterns",
    "SpuriousPatch",
    "TaskPatterns",
    "pack_idx",
    "read_idx",
]
