"""Training by SGD and its results."""

from moe_theory.files import FileError
from moe_theory.training.compiled import compile_kernels
from moe_theory.training.many import train_many
from moe_theory.training.run import DivergenceError, History, TrainingRun
from moe_theory.training.sgd import SGD
from moe_theory.training.train import train

__all__ = [
    "SGD",
    "DivergenceError",
    "FileError",
    "History",
    "TrainingRun",
    "compile_kernels",
    "train",
    "train_many",
]
