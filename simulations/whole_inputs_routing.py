"""Whom inputs and patches reach in networks that route them, at a fixed N, at the end of training.

The networks and data of `whole_inputs.py`.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np

from moe_theory import SampleMoE, Sweep
from moe_theory.experiments import measurements
from moe_theory.experiments.scripts import load_script
from moe_theory.routing import dispatch_entropy

WHOLE = load_script(Path(__file__).with_name("whole_inputs.py"), ("DATA", "families"))
N_TRAIN = {"patterns": 400, "clusters": 1000, "digits": 600}


def experiment(scale: str) -> Sweep:
    quick = scale == "quick"
    settings = [
        replace(setting, n_train=N_TRAIN[name])
        for name in WHOLE.DATA
        for setting in WHOLE.families(name, quick)
    ]
    return Sweep(settings, n_test=1000, n_draws=2 if quick else 16, measure=measure)


def measure(run, test, train):
    """Return errors, whom patches reach, and how whole inputs of clusters and classes part."""
    row = measurements(run, test, train) | {"n_used": None, "largest_share": None, "entropy": None}
    if isinstance(run.model, SampleMoE):
        chosen = run.experts_of(test)
        shares = np.bincount(chosen, minlength=run.model.n_experts) / len(test)
        groups = (test.labels > 0).astype(int) if test.clusters is None else test.clusters
        row |= {
            "n_used": int((shares > 0).sum()),
            "largest_share": float(shares.max()),
            "entropy": dispatch_entropy(groups, chosen),
        }
    return row
