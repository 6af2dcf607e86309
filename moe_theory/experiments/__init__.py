"""Experiments over many trainings: what is run, and where its results are kept."""

from moe_theory.experiments.agreement import Agreement, agreement, ratio_width
from moe_theory.experiments.append_file import LockWarning, StoreError
from moe_theory.experiments.bias import BiasAndSpread, bias_and_spread
from moe_theory.experiments.crossing import crossing
from moe_theory.experiments.mean_std import MeanStd, student_interval
from moe_theory.experiments.paired import paired_ratio
from moe_theory.experiments.ratios import Ratio, ratio
from moe_theory.experiments.results import Results
from moe_theory.experiments.runner import DivergenceWarning
from moe_theory.experiments.sample_study import SampleStudy, sample_complexity
from moe_theory.experiments.search import Search
from moe_theory.experiments.settings import Setting, grid
from moe_theory.experiments.sizes import size_thresholds
from moe_theory.experiments.store import RowStore, Salvage, salvage
from moe_theory.experiments.sweep import Sweep
from moe_theory.experiments.threshold import Evaluation, Threshold
from moe_theory.experiments.training_time import TrainingStudy
from moe_theory.experiments.trial import gates_per_expert, measurements

__all__ = [
    "Agreement",
    "BiasAndSpread",
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
    "agreement",
    "bias_and_spread",
    "crossing",
    "gates_per_expert",
    "grid",
    "measurements",
    "paired_ratio",
    "ratio",
    "ratio_width",
    "salvage",
    "sample_complexity",
    "size_thresholds",
    "student_interval",
]
