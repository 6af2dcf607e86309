"""Advice for data that the table does not hold: predicted when asked for, and what it says."""

import math
from dataclasses import replace

import numpy as np
import pytest

from moe_theory import PatchPatterns, SeparateMoE, train_many
from moe_theory.advice import Option, advise, predicted_samples
from moe_theory.advice import direct as module
from moe_theory.advice.advise import _option
from moe_theory.advice.conventions import network_of, training_of
from moe_theory.advice.direct import predicted_directly, samples_of
from moe_theory.advice.kept import kept_share
from moe_theory.advice.reason import reason_of
from moe_theory.predictions import trained_samples_to

RIVALS = {"n_closer": (8, 8)}
N_SEEDS = 120


def patterns_of(n=16, p=64, **changes):
    return PatchPatterns(**{"n_patches": n, "n_irrelevant": p, "patch_dim": p + 2} | changes)


def found_for(epsilon=0.1, goal="samples", **changes):
    return advise(patterns_of(**changes), epsilon, goal, n_workers=1, progress=False)


def by_network(options):
    return {(option.arm, option.n_routed, option.n_experts): option for option in options}


def test_next_to_orthonormal_patterns_advice_is_that_of_the_table():
    table = by_network(found_for().options)
    near = found_for(delta_d=1e-9)
    assert near.source == "direct"
    assert {option.arm for option in near.options} == {"dense", "separate"}
    for network, option in by_network(near.options).items():
        for goal in ("samples", "flops"):
            _, low, high = option.ratio(table[network], goal)
            assert low <= 1 <= high
        assert abs(math.log(option.samples / table[network].samples)) < 0.15


def test_orthonormal_patterns_beyond_the_table():
    """N = 4 of a joint network is in no table of n = 8; at n = 16 both routes are there."""
    key = ("joint", 8, 8)
    made = samples_of(patterns_of(), key, 0.1)
    (known,) = [
        one for one in predicted_samples(patterns_of(), 0.1)
        if (one.arm, one.n_routed, one.n_experts) == key
    ]  # fmt: skip
    assert made.samples == pytest.approx(known.samples, rel=0.15)
    assert made.steps == pytest.approx(known.steps, rel=0.15)


@pytest.mark.parametrize("key", [("dense", 16, 1), ("separate", 2, 2)])
def test_coarser_search_finds_the_same(key):
    patterns = patterns_of(delta_d=0.4)
    known = trained_samples_to(patterns, network_of(*key), training_of(key[1]), 0.1)
    made = samples_of(patterns, key, 0.1)
    assert abs(math.log(made.samples / known)) < max(4 * made.standard_error, 0.08)


def test_classes_may_be_swapped():
    """What o₁ is to one class, o₂ is to the other."""
    data = {"n_closer": (2, 0), "closeness": 0.8, "positive_fraction": 0.3}
    swapped = data | {"n_closer": (0, 2), "positive_fraction": 0.7}
    for key in (("dense", 16, 1), ("separate", 2, 2)):
        one, other = (samples_of(patterns_of(**law), key, 0.1) for law in (data, swapped))
        apart = abs(math.log(one.samples / other.samples))
        assert one.samples != other.samples
        assert apart < 4 * math.hypot(one.standard_error, other.standard_error)


@pytest.mark.parametrize("key", [("separate", 4, 2), ("dense", 16, 1)])
def test_simulated_networks_need_what_is_said(key):
    patterns = patterns_of(**RIVALS)
    option = _option(patterns, samples_of(patterns, key, 0.05))
    for n_train, sign in ((option.samples_low, 1), (option.samples_high, -1)):
        errors = train_many(
            network_of(*key), patterns, training_of(key[1]), range(500, 500 + N_SEEDS),
            n_train=round(n_train), n_test=300, reduce=lambda run: run.history.test_error[-1],
        )  # fmt: skip
        deviation = 3 * np.std(errors, ddof=1) / math.sqrt(N_SEEDS)
        assert sign * (np.mean(errors) - 0.05) > -deviation


def test_rivals_are_outvoted_by_few():
    """Routers of l far below l* = n need fewest samples, as few inputs hold many rivals."""
    patterns = patterns_of(**RIVALS)
    assert patterns.l_star == 16
    two, few, half = (
        samples_of(patterns, ("separate", n_routed, 2), 0.05).samples for n_routed in (2, 4, 8)
    )
    assert few < 0.7 * min(two, half)


def test_trainings_that_never_fit_are_no_prediction():
    """With l = 1 samples of unlike labels may send one patch."""
    none = samples_of(patterns_of(p=16), ("separate", 1, 2), 0.1)
    assert "samples never fit them" in none.reason


@pytest.mark.parametrize(
    ("law", "n_routed"),
    [(RIVALS, 2), ({"delta_d": 0.5}, 2), ({"n_closer": (3, 2), "max_closer": 1}, 1)],
)
def test_routers_keep_as_often_as_simulated(law, n_routed):
    patterns, n_train = patterns_of(**law), 24
    fresh = patterns.sample(200, seed=3, split="test")
    shares = train_many(
        SeparateMoE(2, 4, n_routed), patterns, replace(training_of(n_routed), n_steps=1), range(60),
        n_train=n_train, n_test=10, reduce=lambda run: run.routing(fresh).own,
    )  # fmt: skip
    known = kept_share(patterns, n_routed, n_train)
    assert 0.3 < known < 0.999
    # 25 training sets are drawn, 60 trained.
    error = np.std(shares, ddof=1) * math.hypot(1 / math.sqrt(60), 1 / 5)
    assert abs(known - np.mean(shares)) < 4 * error + 0.01


def test_intervals_are_around_and_ordered():
    advice = found_for(n=8, p=32, delta_d=0.5)
    for option in advice.options:
        for name in ("samples", "flops", "saving"):
            low, middle, high = (getattr(option, name + end) for end in ("_low", "", "_high"))
            assert 0 < low <= middle <= high < math.inf
    assert all(rival in advice.options[1:] for rival in advice.rivals)
    assert "n = 8: simulated was n from 12 to 128" in advice.cautions
    assert "No predicted N* of joint, l = 2, 4: delta_d must be 0" in str(advice)
    again = found_for(n=8, p=32, goal="flops", delta_d=0.5)
    assert {option.samples for option in again.options} == {o.samples for o in advice.options}
    assert predicted_directly.cache_info().hits > 0


def test_fewest_samples_are_an_upper_bound():
    advice = found_for(0.2, n=8, p=32, balanced=False, positive_fraction=0.3, delta_d=-0.5)
    few = [option for option in advice.options if option.samples_low == 0]
    assert few
    assert len({option.samples for option in few}) == 1
    assert sum("N* may be less than" in text for text in advice.cautions) == len(few)
    assert all(option in (advice.best, *advice.rivals) for option in few)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"spread": 0.1}, "nothing is predicted of any network: spread must be 0"),
        ({"n": 8, "p": 12}, "nothing is predicted of any network: n_irrelevant must be >= 16"),
        ({"n": 3, "p": 64}, "n_patches must be >= 4; got 3"),
        ({"positive_fraction": 0.01}, "positive_fraction must be in"),
    ],
)
def test_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        found_for(**changes)


@pytest.fixture
def impatient(monkeypatch):
    predicted_directly.cache_clear()
    yield lambda most: monkeypatch.setattr(module, "LARGEST_N", most)
    predicted_directly.cache_clear()


def test_out_of_reach(impatient):
    impatient(16)
    advice = found_for(0.1, n=12, p=48, delta_d=0.5)
    named = {none.arm for none in advice.refused if "16 samples leave an error of" in none.reason}
    assert "dense" in named
    assert all(math.isnan(option.saving) for option in advice.options)
    assert "the dense network does not reach ε" in advice.reason
    # From 4 on N is doubled once in any case.
    impatient(4)
    predicted_directly.cache_clear()
    with pytest.raises(ValueError, match=r"nothing is predicted .* 8 samples leave an error of"):
        found_for(0.05, n=12, p=48, delta_d=0.5)


def option(arm, n_routed, n_experts, samples):
    ends = {"samples_low": samples / 1.1, "samples_high": samples * 1.1}
    return Option(arm, n_routed, n_experts, samples, 100.0, 1e8, 40 / samples, **ends,
                  saving_low=36 / samples, saving_high=44 / samples)  # fmt: skip


def test_reasons():
    dense, separate, joint = (
        option("dense", 16, 1, 40.0), option("separate", 2, 2, 20.0), option("joint", 8, 8, 10.0)
    )  # fmt: skip
    plain, rivals = patterns_of(), patterns_of(**RIVALS)
    told = reason_of(plain, (joint, separate, dense), "samples")
    assert told.startswith("Joint, l = 8, k = 8 takes 4 [3.6, 4.4] times fewer samples")
    assert "Its gates weigh the 8 patches kept" in told
    assert "takes 2 [1.7, 2.3] times as many" in told
    told = reason_of(rivals, (separate, dense), "samples")
    assert "Closer patterns rival it: l* is 16, and with l = 1 routers keep it in" in told
    far = option("separate", 8, 2, 60.0)
    told = reason_of(plain, (dense, far), "samples")
    assert "The dense network takes fewest samples: separate, l = 8 takes 1.5" in told
    assert reason_of(plain, (dense,), "flops") == "Only of the dense network is there a prediction."
    told = reason_of(patterns_of(n_closer=(1, 0), closeness=0.5), (separate, dense), "samples")
    assert "Closer patterns score 0.5 of what it does, so that l* is 1." in told
