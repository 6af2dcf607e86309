"""Operations until networks that route whole inputs, patches, or nothing err at most ε.

The networks and data of `whole_inputs.py`, at a fixed N that is enough for those that learn at all.
"""

from dataclasses import replace
from pathlib import Path

from moe_theory import TrainingStudy
from moe_theory.experiments.scripts import load_script

WHOLE = load_script(Path(__file__).with_name("whole_inputs.py"), ("DATA", "families"))
N_TRAIN = {"patterns": 400, "clusters": 1000, "digits": 600}
RECORD = {"patterns": 5, "clusters": 20, "digits": 50}
# Enough for all that learn at all; a record costs as much as some steps.
N_STEPS = {"patterns": 1500, "clusters": 5000, "digits": 3000}


def experiment(scale: str) -> TrainingStudy:
    quick = scale == "quick"
    settings = [
        replace(
            setting,
            n_train=N_TRAIN[name],
            sgd=replace(
                setting.sgd,
                n_steps=N_STEPS[name] // (8 if quick else 1),
                stop_loss=None,
                record=RECORD[name] * (4 if quick else 1),
            ),
        )
        for name in WHOLE.DATA
        for setting in WHOLE.families(name, quick)
    ]
    return TrainingStudy(settings, 0.15, n_draws=2 if quick else 8, n_test=300)
