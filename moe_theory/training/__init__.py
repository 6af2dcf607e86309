"""Training by SGD and its results.

From a network to the kernel that trains it: `train` (`one`) gives it to `raw` or `pattern`, on
patches or in the space of patterns, whose ``TRAIN`` says which kernel belongs to ``model.kernel``.
What kernels take is put together in `inputs` and `pattern`, as named in `kernels.arguments`: l,
``n_routed``, is ``rule.n_kept`` there, or the length of the rows where routing is fixed.
"""

from typing import TYPE_CHECKING

from moe_theory._lazy import lazily

if TYPE_CHECKING:
    from moe_theory.files import FileError
    from moe_theory.training.compiled import compile_kernels
    from moe_theory.training.failures import DeadNetworkWarning, DivergenceError
    from moe_theory.training.history import History
    from moe_theory.training.many import train_many
    from moe_theory.training.one import train
    from moe_theory.training.run import TrainingRun
    from moe_theory.training.sgd import SGD
    from moe_theory.training.upcycling import upcycle
else:
    __getattr__, __dir__ = lazily(
        __name__,
        {
            "..files": "FileError",
            ".compiled": "compile_kernels",
            ".failures": "DeadNetworkWarning DivergenceError",
            ".history": "History",
            ".many": "train_many",
            ".one": "train",
            ".run": "TrainingRun",
            ".sgd": "SGD",
            ".upcycling": "upcycle",
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
    "upcycle",
]
