"""Operations until all networks err at most ε where patterns are hard to tell apart.

The networks and data of `hard_patterns.py`, at a fixed N that is enough where any N is.
"""

from dataclasses import replace
from pathlib import Path

from moe_theory import TrainingStudy
from moe_theory.experiments.scripts import load_script

HARD = load_script(Path(__file__).with_name("hard_patterns.py"), ("WAYS", "families"))
N_TRAIN, N_STEPS, RECORD = 400, 1500, 5
# With unequal classes errors on the way, which are those of all inputs, count the larger one more.
WAYS = ("delta_d", "closer patches", "spread")


def experiment(scale: str) -> TrainingStudy:
    quick = scale == "quick"
    settings = [
        replace(
            setting,
            n_train=N_TRAIN,
            sgd=replace(
                setting.sgd,
                n_steps=N_STEPS // (4 if quick else 1),
                stop_loss=None,
                record=RECORD * (4 if quick else 1),
            ),
        )
        for setting in HARD.families(quick)
        if setting.labels["way"] in WAYS
    ]
    return TrainingStudy(settings, HARD.EPSILON, n_draws=3 if quick else 5, n_test=300)
