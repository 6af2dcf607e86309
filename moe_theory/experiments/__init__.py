"""Experiments over many trainings: what is run, and where its results are kept."""

from moe_theory.experiments.crossing import crossing
from moe_theory.experiments.files import LockWarning, StoreError
from moe_theory.experiments.mean_std import MeanStd
from moe_theory.experiments.ratios import Ratio, ratio
from moe_theory.experiments.results import Results
from moe_theory.experiments.runner import DivergenceWarning
from moe_theory.experiments.samples import SampleStudy, sample_complexity, threshold_table
from moe_theory.experiments.search import Search
from moe_theory.experiments.settings import Setting, grid
from moe_theory.experiments.sizes import size_thresholds
from moe_theory.experiments.store import RowStore, Salvage, salvage
from moe_theory.experiments.sweep import Sweep
from moe_theory.experiments.threshold import Evaluation, Threshold
from moe_theory.experiments.training_time import TrainingStudy, flops_to_error, steps_to_error
from moe_theory.experiments.trial import gates_per_expert, measurements

__all__ = [
    "DivergenceWarning",
    "Evaluation",
    "LockWarning",
    "MeanStd",
    "Ratio",
    "Results",
    "RowStore",
    "Salvage",
    "SampleStudy",
    "Search",
    "Setting",
    "StoreError",
    "Sweep",
    "Threshold",
    "TrainingStudy",
    "crossing",
    "flops_to_error",
    "gates_per_expert",
    "grid",
    "measurements",
    "ratio",
    "salvage",
    "sample_complexity",
    "size_thresholds",
    "steps_to_error",
    "threshold_table",
]
