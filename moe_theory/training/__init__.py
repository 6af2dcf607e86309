"""Training by SGD and its results."""

from typing import TYPE_CHECKING

from moe_theory._lazy import lazily

if TYPE_CHECKING:
    from moe_theory.files import FileError
    from moe_theory.training.compiled import compile_kernels
    from moe_theory.training.many import train_many
    from moe_theory.training.one import train
    from moe_theory.training.run import DeadNetworkWarning, DivergenceError, History, TrainingRun
    from moe_theory.training.sgd import SGD
else:
    __getattr__, __dir__ = lazily(
        __name__,
        {
            "..files": "FileError",
            ".compiled": "compile_kernels",
            ".many": "train_many",
            ".one": "train",
            ".run": "DeadNetworkWarning DivergenceError History TrainingRun",
            ".sgd": "SGD",
        },
    )

__all__ = [
    "SGD",
    "DeadNetworkWarning",
    "DivergenceError",
    "FileError",
    "History",
    "TrainingRun",
    "compile_kernels",
    "train",
    "train_many",
]
