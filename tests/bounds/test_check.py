"""`check` catches planted violations, and lets through what is no violation."""

import numpy as np
import pytest
from scipy.stats import binom

from moe_theory.bounds import (
    Measurements,
    check,
    complexity,
    pruning_bounds,
    router_bounds,
)

DENSE = complexity("sample complexity", "dense")
N = np.array([8.0, 16, 32, 64, 128])


def planted(exponent, noise, seed, n=N, known=True):
    rng = np.random.default_rng(seed)
    measured = 3 * n**exponent * np.exp(noise * rng.normal(size=len(n)))
    return Measurements({"n_patches": n}, measured, np.full(len(n), noise) if known else None)


@pytest.mark.parametrize(
    ("exponent", "verdict"), [(9, "violated"), (8, "not violated"), (2, "not violated")]
)
def test_noise_free(exponent, verdict):
    result = check(DENSE, Measurements({"n_patches": N}, 3 * N**exponent))
    assert result.verdict == verdict
    (growth,) = result.growth
    assert growth.measured == pytest.approx(exponent)
    assert growth.looseness == pytest.approx(8 - exponent)
    steps = np.log10(2) * (exponent - 8) * np.arange(5)
    np.testing.assert_allclose(result.extrapolation, steps, atol=1e-9)


@pytest.mark.parametrize("known", [True, False])
def test_noisy_violations_are_caught_and_equals_let_through(known):
    """Over 200 seeds: growth 9 under noise of 20 % is caught; growth 8 is not blamed too often."""
    n_seeds = 200
    verdicts = {
        exponent: [
            check(DENSE, planted(exponent, 0.2, seed, known=known)).verdict
            for seed in range(n_seeds)
        ]
        for exponent in (2, 8, 9)
    }
    assert verdicts[2].count("not violated") == n_seeds
    # Half of the 5 % outside the interval lie above; 1 % more as curvature is tested first.
    allowed = binom.ppf(1 - 1e-6, n_seeds, 0.025 + 0.01)
    assert verdicts[8].count("violated") <= allowed
    assert verdicts[9].count("not violated") <= (0 if known else 0.2 * n_seeds)
    assert verdicts[9].count("violated") >= (0.98 if known else 0.7) * n_seeds


def test_growth_beyond_any_power_is_caught_at_the_far_end():
    """exp(n/8) grows by about n^6 over this range, and by n^16 at its end."""
    n = np.geomspace(8, 128, 9)
    result = check(DENSE, Measurements({"n_patches": n}, np.exp(n / 8), np.full(9, 0.01)))
    assert result.verdict == "violated"
    assert result.growth[0].curved
    # Five points are too few to tell the slope at the end, but enough to reject a power law.
    few = check(DENSE, Measurements({"n_patches": N}, np.exp(N / 8), np.full(5, 0.01)))
    assert few.growth[0].curved
    assert few.verdict == "not testable"


def test_an_early_steep_part_is_no_violation():
    """Steep over the first octaves, then flat: the far end is what speaks of the asymptotics."""
    logs = np.log2(N / 8)
    measured = 2 ** (12 * logs - 2 * logs**2)
    result = check(DENSE, Measurements({"n_patches": N}, measured, np.full(5, 0.01)))
    assert result.growth[0].curved
    assert result.verdict == "not violated"


def test_two_parameters_and_the_direction_of_epsilon():
    epsilon = np.array([0.2, 0.1, 0.05, 0.2, 0.1, 0.05])
    n = np.array([8.0, 8, 8, 32, 32, 32])
    for power, verdict in ((15, "not violated"), (17, "violated")):
        data = Measurements({"n_patches": n, "epsilon": epsilon}, n**3 / epsilon**power)
        result = check(DENSE, data)
        assert result.verdict == verdict
        by_name = {growth.name: growth for growth in result.growth}
        assert by_name["epsilon"].measured == pytest.approx(power)
        assert (by_name["epsilon"].bound, by_name["n_patches"].bound) == (16, 8)
        assert by_name["n_patches"].verdict == "not violated"


def test_delta_d_is_measured_by_its_gap():
    bound = router_bounds()["router_n_steps"]
    delta = np.array([0.0, 0.5, 0.75, 0.9])
    for power, verdict in ((1, "not violated"), (2, "violated")):
        data = Measurements({"delta_d": delta}, (1 - delta) ** -power)
        assert check(bound, data).verdict == verdict


def test_a_parameter_that_the_bound_says_is_free():
    """Separate training should need no more samples as n grows at fixed l; p is hidden."""
    separate = complexity("sample complexity", "separate")
    growing = Measurements({"n_patches": N, "n_routed": 2, "epsilon": 0.1}, N**1.5)
    assert check(separate, growing).verdict == "violated"
    flat = Measurements({"n_patches": N, "n_routed": 2}, 40 + 0 * N)
    assert check(separate, flat).verdict == "not violated"
    hidden = check(separate, Measurements({"n_irrelevant": N}, N**1.5))
    assert hidden.verdict == "not testable"
    assert hidden.growth[0].reason == "hidden in the constant"


def test_lower_bounds_are_judged_the_other_way():
    d = np.array([16.0, 64, 256, 1024])
    lower, upper = pruning_bounds()["relevant"], pruning_bounds()["irrelevant"]
    for power, low, high in ((-1, "violated", "not violated"), (0.1, "not violated", "violated")):
        data = Measurements({"patch_dim": d}, d**power)
        assert check(lower, data).verdict == low
        assert check(upper, data).verdict == high


def test_what_cannot_be_tested_says_so():
    two = check(DENSE, Measurements({"n_patches": [8, 16]}, [10, 20]))
    assert (two.verdict, two.growth) == ("not testable", ())
    assert "number of points" in two.reason
    still = check(DENSE, Measurements({"n_patches": 8}, [10, 12, 11]))
    assert "no parameter varies" in still.reason
    nothing = check(DENSE, Measurements({"n_patches": N}, np.full(5, np.nan)))
    assert (nothing.verdict, nothing.n_censored) == ("not testable", 5)
    wide = check(DENSE, planted(7.5, 3.0, 0))
    assert wide.verdict == "not testable"
    assert "beyond the bound's exponent" in wide.growth[0].reason
    collinear = Measurements({"n_patches": N, "n_routed": N}, N**2)
    assert check(DENSE, collinear).verdict == "not testable"


def test_a_target_that_was_not_reached_is_never_dropped_in_silence():
    measured = [10, 40, 160, np.inf, np.nan]
    result = check(DENSE, Measurements({"n_patches": N}, measured))
    assert (result.verdict, result.n_points, result.n_censored) == ("not testable", 3, 2)
    assert "did not reach" in result.reason
    assert "3 points, 2 not reached" in str(result)
    faster = check(DENSE, Measurements({"n_patches": N}, [*N[:4] ** 9, np.inf]))
    assert faster.verdict == "violated"


def test_constant_is_calibrated_at_the_smallest_bound():
    data = Measurements({"n_patches": [32, 8, 16], "epsilon": 0.1}, [160, 10, 40])
    result = check(DENSE, data)
    assert result.constant == pytest.approx(10 / DENSE.evaluate(n_patches=8, epsilon=0.1))
    want = np.log10([160 / 10 / 4**8, 1, 40 / 10 / 2**8])
    np.testing.assert_allclose(result.extrapolation, want, atol=1e-12)


def test_intervals_become_standard_errors():
    value = np.array([10.0, 20, 50])
    data = Measurements.from_intervals(
        {"n_patches": [8, 16, 32]}, value, value * np.exp(-1.96), value * np.exp(1.96)
    )
    np.testing.assert_allclose(data.standard_error, 1.0, rtol=1e-4)


@pytest.mark.parametrize(
    ("values", "measured", "error", "message"),
    [
        ({"n_patches": [8, 16]}, [1, -2], None, "measured must be positive"),
        ({"n_patches": [8, 16, 32]}, [1, 2], None, r"values\['n_patches'\].shape must be \(2,\)"),
        ({"width": [8, 16]}, [1, 2], None, "parameter must be one of"),
        ({"n_patches": 4, "n_routed": [2, 8]}, [1, 2], None, "l <= n must hold"),
        ({"n_patches": [8, 16]}, [1, 2], [1], r"standard_error.shape must be \(2,\)"),
        ({"n_patches": [8, 16]}, 1.0, None, r"measured.shape must be \(M,\)"),
    ],
)
def test_bad_measurements(values, measured, error, message):
    with pytest.raises(ValueError, match=message):
        Measurements(values, measured, error)


def test_bad_settings():
    data = Measurements({"n_patches": N}, N)
    with pytest.raises(ValueError, match="confidence must be"):
        check(DENSE, data, confidence=1.0)
    with pytest.raises(ValueError, match="resolution must be"):
        check(DENSE, data, resolution=-1)
