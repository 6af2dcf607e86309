"""Experiments over many trainings: what is run, and where its results are kept."""

from moe_theory.experiments.accuracy import AccuracyExperiment, Arm
from moe_theory.experiments.results import Results
from moe_theory.experiments.store import RowStore, StoreError

__all__ = ["AccuracyExperiment", "Arm", "Results", "RowStore", "StoreError"]
