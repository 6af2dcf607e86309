"""Weights along a training are those at the ends of shorter ones, as simulations/film.py has it."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from moe_theory import PatchPatterns, train
from moe_theory.experiments.scripts import load_script

ROOT = Path(__file__).parents[2]
FILM = load_script(ROOT / "simulations" / "film.py", ("experiment", "values", "routes"))
SETTINGS = {setting.labels["arm"]: setting for setting in FILM.experiment("quick").settings}


@pytest.mark.parametrize("arm", SETTINGS)
def test_shorter_trainings_end_where_longer_ones_were(arm):
    setting = SETTINGS[arm]
    data, test = (setting.data.sample(20, 3, split=split) for split in ("train", "test"))
    whole = train(
        setting.model, data, replace(setting.sgd, n_steps=40, record=(7, 25)), 3, test=test
    )
    for place, steps in ((1, 7), (2, 25)):
        part = train(setting.model, data, replace(setting.sgd, n_steps=steps, record=None), 3)
        assert part.error(test) == whole.history.test_error[place]


@pytest.mark.parametrize("arm", SETTINGS)
def test_values_and_routes_make_the_outputs(arm):
    """f(x) is the scaled sum of h over what every expert receives, times gates."""
    setting = SETTINGS[arm]
    data = setting.data.sample(6, 5)
    run = train(setting.model, data, replace(setting.sgd, n_steps=60, record=None), 5)
    h = np.array(FILM.values(run.model, run.weights, data.dictionary))
    routes = FILM.routes(run.model, run.weights, data)
    if routes is None:
        routes = [[[(place, 100) for place in range(data.n_patches)]]] * len(data)
    made = [
        sum(
            h[s, data.indices[i, place]] * gate / 100
            for s, received in enumerate(one)
            for place, gate in received
        )
        for i, one in enumerate(routes)
    ]
    f = run.predict(data)
    scale = run.model.output_scale(data.n_patches)
    # Values have three digits, gates are whole percents.
    assert np.abs(scale * np.array(made) - f).max() < 0.03 * np.abs(h).max()
    assert np.corrcoef(made, f)[0, 1] > 0.999


def test_the_film_is_of_the_patterns_that_it_says():
    law = SETTINGS["dense"].data
    assert isinstance(law, PatchPatterns)
    assert (law.n_patches, law.n_irrelevant) == (FILM.N_PATCHES, FILM.N_IRRELEVANT)
