"""Predicted and simulated error of trained networks, with enough draws to see a bias of a percent.

Few and many patches and patterns, small and large networks, other stops, rates and batches; the
last ones of each network lie where predictions are hardest: fewer patterns than patches, a single
patch routed, coupled patterns and unequal classes.
"""

from moe_theory import SGD, DenseCNN, PatchPatterns, SeparateMoE, Setting, Sweep
from moe_theory.predictions import trained_error

COLUMNS = ("n_patches", "n_irrelevant", "n_routed", "n_hidden", "rate", "batch_size", "stop_loss",
           "n_train", "data")  # fmt: skip
DATA = {
    "neutral": {},
    "δ_d": {"delta_d": 0.5},
    "classes": {"positive_fraction": 0.3},
    "closer": {"delta_d": 0.4, "n_closer": (2, 1), "closeness": 0.7},
}
# n, p, l, m, rate per patch, B, stop, N, and the data.
DENSE = [
    (12, 60, 12, 60, 0.4, 20, 0.1, 24, "neutral"),
    (12, 60, 12, 60, 0.1, 20, 0.1, 24, "neutral"),
    (12, 60, 12, 40, 0.2, 20, 0.03, 24, "neutral"),
    (12, 60, 12, 20, 0.2, 20, 0.1, 24, "neutral"),
    (24, 120, 24, 80, 0.2, 20, 0.1, 32, "neutral"),
    (48, 240, 48, 40, 0.2, 20, 0.03, 48, "neutral"),
    (16, 64, 16, 40, 0.2, 20, 0.03, 20, "neutral"),
    (32, 64, 32, 40, 0.2, 20, 0.03, 40, "neutral"),
    (24, 192, 24, 40, 0.2, 10, 0.03, 24, "neutral"),
    (48, 96, 48, 40, 0.2, 40, 0.1, 60, "neutral"),
    (16, 128, 16, 20, 0.05, 5, 0.01, 16, "neutral"),
    (40, 32, 40, 40, 0.2, 20, 0.03, 40, "neutral"),
    (16, 64, 16, 40, 0.2, 20, 0.03, 30, "δ_d"),
    (16, 64, 16, 40, 0.2, 20, 0.1, 24, "classes"),
]
SEPARATE = [
    (16, 64, 4, 40, 0.2, 20, 0.03, 12, "neutral"),
    (24, 48, 8, 40, 0.2, 20, 0.03, 32, "neutral"),
    (24, 48, 4, 60, 0.2, 20, 0.1, 20, "neutral"),
    (48, 240, 8, 40, 0.1, 10, 0.03, 24, "neutral"),
    (12, 96, 4, 20, 0.2, 20, 0.1, 12, "neutral"),
    (32, 128, 16, 40, 0.3, 20, 0.03, 64, "neutral"),
    (32, 64, 16, 40, 0.2, 20, 0.03, 96, "neutral"),
    (16, 64, 1, 40, 0.2, 20, 0.03, 6, "neutral"),
    (16, 64, 4, 40, 0.2, 20, 0.03, 30, "closer"),
    (16, 64, 4, 40, 0.2, 20, 0.1, 24, "classes"),
]
QUICK = (0, 3, 6, 14, 18)
# Few trainings use them up, as they never reach the loss.
MOST_STEPS = 40_000


def made_setting(arm: str, *numbers) -> Setting:
    at = dict(zip(COLUMNS, numbers, strict=True))
    p, m, n_routed, n_train = (at[x] for x in ("n_irrelevant", "n_hidden", "n_routed", "n_train"))
    data = PatchPatterns(at["n_patches"], p, p + 2, **DATA[at["data"]])
    model = (
        DenseCNN(m, init_std=0.01) if arm == "dense" else SeparateMoE(2, m, n_routed, init_std=0.01)
    )
    sgd = SGD(
        at["rate"] * n_routed, at["batch_size"], n_steps=MOST_STEPS, router_n_epochs=100,
        stop_loss=at["stop_loss"],
    )  # fmt: skip
    labels = {name: at[name] for name in COLUMNS if name != "n_train"}
    return Setting({"arm": arm, **labels}, data, model, sgd, n_train)


SETTINGS = [
    made_setting(arm, *one)
    for arm, ones in (("dense", DENSE), ("separate", SEPARATE))
    for one in ones
]
LAWS = {
    (one.model, one.sgd, one.n_train, one.data.n_patches, one.data.n_irrelevant): one.data
    for one in SETTINGS
}
assert len(LAWS) == len(SETTINGS)


def experiment(scale: str) -> Sweep:
    if scale == "quick":
        settings = [SETTINGS[place] for place in QUICK]
        return Sweep(settings, n_test=500, n_draws=20, measure=measure)
    return Sweep(SETTINGS, n_test=500, n_draws=600, measure=measure_finely)


def measure(run, test, train):
    return measured(run, test, 128)


def measure_finely(run, test, train):
    return measured(run, test, 1024)


def measured(run, test, n_draws: int) -> dict:
    law = LAWS[run.model, run.sgd, run.n_train, test.n_patches, test.n_patterns - 2]
    known = trained_error(law, run.model, run.sgd, run.n_train, n_draws)
    return {
        "test_error": run.error(test), "steps": run.n_steps, "predicted": known.error,
        "predicted_se": known.standard_error, "predicted_steps": known.n_steps,
    }  # fmt: skip
