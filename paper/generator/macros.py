"""Numbers of the text: one macro each, by section."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable

import sympy as sp

from generator.text import inline, latex
from moe_theory.bounds import (
    complexity,
    cost_table,
    derive_computation,
    derive_router_training,
    step_flops,
    wins,
)
from moe_theory.bounds.derivations import dominant_monomials
from moe_theory.bounds.formula import Formula
from prose.compression import at_gamma, fitted, lost, may_be_best, places
from prose.queries import (
    choices,
    exponent,
    exponent_of,
    mean,
    mean_and_error,
    misfit,
    nstar,
    off_flow,
    predictions_file,
    ratio,
)
from prose.tables import (
    MNIST,
    SPEED,
    Row,
    read,
    row,
    setting,
    table,
)
from prose.text import (
    fixed,
    interval,
    number,
    percent,
    slope,
    spelled,
    whole,
    words,
)

Macros = dict[str, str]
TIGHT, LEVEL, LOOSE = 0.02, 0.05, 0.2


def settings() -> Macros:
    """Return sizes and conventions, from the configurations beside the results."""
    data = setting("sample_complexity", "data", arm="separate")
    sgd = setting("sample_complexity", "sgd", arm="separate", n_routed=1)
    time = table("training_time", quantity="flops")
    ample = {
        name: {r["n_train"] for r in time if r["data"] == name} for name in ("patterns", "digits")
    }
    digits = setting("savings", "data", "samples_digits", arm="separate")
    return {
        "CfgPatches": whole(data["n_patches"]),
        "CfgIrrelevant": whole(data["n_irrelevant"]),
        "CfgDigitPatches": whole(digits["n_patches"]),
        "CfgHidden": whole(setting("sample_complexity", "model", arm="dense")["n_hidden"]),
        "CfgBatch": whole(sgd["batch_size"]),
        "CfgLoss": number(sgd["stop_loss"]),
        "CfgRate": number(sgd["learning_rate"]),
        "NumTasks": whole(len(setting("pruning", "data", data="patterns")["frequencies"])),
        "AmplePatterns": words(sorted(map(whole, ample["patterns"]))),
        "AmpleDigits": words(sorted(map(whole, ample["digits"]))),
    }


def derived() -> Macros:
    """Return what follows from the published bounds, as formulas."""
    samples = {arm: complexity("sample complexity", arm) for arm in ("dense", "separate", "joint")}
    flops = {arm: complexity("computational complexity", arm) for arm in ("separate", "joint")}
    terms = {
        arm: dominant_monomials(step_flops(arm).expression)
        for arm in ("dense", "separate", "joint")
    }
    condition = derive_computation("joint").result.conditions[-1]
    return {
        "BoundSamplesDense": inline(Formula(samples["dense"].expression).latex()),
        "StepDense": step_flops("dense").latex(),
        "StepSeparate": step_flops("separate").latex(),
        "StepJoint": step_flops("joint").latex(),
        "DominantDense": Formula(sp.Add(*terms["dense"])).latex(),
        "DominantSeparate": Formula(sp.Add(*terms["separate"])).latex(),
        "DominantJoint": "$ and $".join(Formula(term).latex() for term in terms["joint"]),
        "JointCondition": relation(condition.relation),
        "RouterShare": cost_table().rows[2][3],
        "RouterTraining": inline(derive_router_training().result.latex()),
        "JointBeatsSeparate": wins(samples["joint"], samples["separate"]).latex(),
        "JointCheaperSeparate": wins(flops["joint"], flops["separate"]).latex(),
        "JointBeatsDense": wins(samples["joint"], samples["dense"]).latex(),
    }


def relation(inequality: sp.Rel) -> str:
    """Return an inequality of monomials as LaTeX."""
    return rf"{Formula(inequality.lhs).latex()} \leq {Formula(inequality.rhs).latex()}"


def speed() -> Macros:
    """Return how much faster a step is."""
    rows = read(SPEED)
    names = {"Jax": "JAX scan + vmap", "Torch": "PyTorch eager"}
    macros = {}
    for short, contender in names.items():
        for engine, column in (("Raw", "over_raw"), ("Pattern", "over_pattern")):
            found = [float(r[column]) for r in rows if r["contender"] == contender]
            macros[f"{engine}Over{short}Low"] = number(min(found), 2)
            macros[f"{engine}Over{short}High"] = number(max(found), 2)
    largest = max(float(r["largest_difference"]) for r in rows)
    power = math.floor(math.log10(largest))
    macros["SpeedDifference"] = rf"${largest / 10**power:.1f}\cdot10^{{{power}}}$"
    return macros


def saving(quantity: str, arm: str, n_over_l: float, data: str = "patterns") -> Row:
    """Return a row of the measured savings."""
    return row("savings", data=data, quantity=quantity, arm=arm, n_over_l=n_over_l)


def best(quantity: str, arm: str) -> Row:
    """Return the largest saving on patterns."""
    found = table("savings", data="patterns", quantity=quantity, arm=arm)
    return max((r for r in found if r["saving"]), key=lambda r: float(r["saving"]))


def router_error(routers: str, n_routed: int) -> str:
    """Return the test error at N = 160 with its 95 % interval."""
    labels = {"arm": "dense"} if routers == "dense" else {"n_routed": n_routed}
    at = row("router_samples", data="patterns", router_samples=routers, n_train=160, **labels)
    return mean(at, "test_error", 4)


def measured() -> Macros:
    """Return N*, savings, and what explains them."""
    square = [float(r["saving"]) for r in table("savings", quantity="operations", arm="joint_l2")]
    joint, separate = saving("N*", "joint", 2), saving("N*", "separate", 2)
    mnist = {(a, n): _mnist(a, n) for a in ("dense", "separate", "joint") for n in (100, 1000)}
    return {
        "ExponentLoose": exponent(LOOSE),
        "ExponentTight": exponent(TIGHT),
        "NstarDense": nstar(LEVEL, arm="dense", n_patches=64),
        "NstarSeparateOne": nstar(LEVEL, arm="separate", n_routed=1),
        "NstarSeparateLarge": nstar(LEVEL, arm="separate", n_routed=32),
        "NstarJointTwo": nstar(LEVEL, arm="joint", n_routed=2, n_experts=8),
        "NstarJointLarge": nstar(LEVEL, arm="joint", n_routed=32, n_experts=8),
        "NstarJointFewExperts": nstar(LEVEL, arm="joint", n_routed=4, n_experts=2),
        "NstarJointManyExperts": nstar(LEVEL, arm="joint", n_routed=4, n_experts=20),
        "ErrorRoutersTrain": router_error("train", 16),
        "ErrorRoutersHeld": router_error("held_out", 16),
        "ErrorRoutersHeldLarge": router_error("held_out", 32),
        "ErrorRoutersDense": router_error("dense", 0),
        "SavingSeparateSmallL": ratio(saving("N*", "separate", 32)),
        "LossSeparateLargeL": ratio(separate, inverse=True),
        "SavingSeparateBest": ratio(best("N*", "separate")),
        "FlopsSeparateBest": ratio(best("operations", "separate")),
        "SavingJointLargeL": ratio(joint),
        "FlopsJointLargeL": ratio(saving("operations", "joint", 2), inverse=True)
        + " times as many",
        "FlopsJointSquareLow": number(min(square), 2),
        "FlopsJointSquareHigh": number(max(square), 2),
        "MnistDraws": whole(_mnist("dense", 100)["n_draws"]),
        "MnistGapSmall": gap(mnist["separate", 100], mnist["dense", 100]),
        "MnistGapSmallJoint": gap(mnist["joint", 100], mnist["dense", 100]),
        "MnistGapLarge": gap(mnist["separate", 1000], mnist["dense", 1000]),
        "MnistGapLargeJoint": gap(mnist["joint", 1000], mnist["dense", 1000]),
        **{
            f"Reliance{arm.title()}{suffix}": reliance(arm, rho)
            for arm in ("dense", "separate", "joint")
            for suffix, rho in (("", 0.8), ("One", 1.0))
        },
    }


def _mnist(arm: str, n_train: int) -> Row:
    return read(MNIST / "digit_accuracy.csv")(arm=arm, n_train=n_train).one()


def gap(first: Row, second: Row) -> str:
    """Return a difference of accuracies in percentage points, with its 95 % interval."""
    (one, wide), (other, wider) = (mean_and_error(r, "test_accuracy") for r in (first, second))
    middle, wide = 100 * (one - other), 100 * math.hypot(wide, wider)
    return "{} [{}, {}] points".format(
        *(fixed(x, 1) for x in (middle, middle - wide, middle + wide))
    )


def reliance(arm: str, rho: float) -> str:
    """Return how far a network relies on the spurious patch, with its 95 % interval."""
    at = row("spurious", data="patterns", arm=arm, rho_train=rho)
    return mean(at, "reliance", 2)


def verdicts() -> Macros:
    """Return what became of the twelve bounds."""
    rows = table("bounds")
    names = {(r["quantity"], r["arm"]): r["bound_verdict"] for r in rows}
    counts = {v: sum(found == v for found in names.values()) for v in VERDICTS}
    held = row("bounds", quantity="computational complexity", arm="joint", size="k")
    iterations = table("bounds", quantity="iteration complexity", arm="joint").rows[0]
    at_one = row("units", arm="dense", n_patches=64, epsilon=LEVEL)
    large = row("units", arm="dense", n_patches=128, epsilon=LEVEL)
    return {
        "NumBounds": spelled(len(names)),
        "NumNotViolated": spelled(counts["not violated"]),
        "NumNotTestable": spelled(counts["not testable"]),
        "NumNotReached": spelled(int(iterations["n_not_reached"])),
        "NumJointSettings": whole(int(iterations["n_points"]) + int(iterations["n_not_reached"])),
        **looseness("Samples", "sample complexity"),
        **looseness("Units", "model complexity"),
        **looseness("Flops", "computational complexity"),
        "LooseEpsilonLow": number(min(loose(r) for r in rows if r["size"] == "1/ε"), 2),
        "JointFlopsInK": slope(held["measured"], held["low"], held["high"]),
        "JointFlopsInKBound": number(held["bound_exponent"]),
        "UnitsDense": interval(at_one["value"], at_one["low"], at_one["high"]),
        "UnitsDenseLarge": interval(large["value"], large["low"], large["high"]),
    }


VERDICTS = ("not violated", "violated", "not testable")


def loose(line: Row) -> float:
    """Return by how many powers a bound exceeds what was measured."""
    return float(line["bound_exponent"]) - float(line["measured"])


def looseness(name: str, quantity: str) -> Macros:
    """Return the range of looseness in n and l over the three networks."""
    found = [loose(r) for r in table("bounds", quantity=quantity) if r["size"] in ("n", "l")]
    return {f"Loose{name}Low": number(min(found), 2), f"Loose{name}High": number(max(found), 2)}


def predictions() -> Macros:
    """Return how well the predictions do, and why they fail."""
    samples, errors = (table("predictions", quantity=q) for q in ("samples", "error"))
    off = [r for r in (*samples, *errors) if r["reason"]]
    tail = [r for r in off if r["reason"].startswith("tail")]
    late = [r for r in off if "late deaths" in r["reason"]]
    accuracy = predictions_file().ACCURACY
    success = table("router_success")
    return {
        "AccuracyOneStep": percent(accuracy["one step"]),
        "AccuracyTrained": percent(accuracy["joint"]),
        "PredictedAll": whole(len(samples)),
        "PredictedWithin": count(samples, "within"),
        "PredictedOutside": spelled(int(count(samples, "outside"))),
        "ErrorsAll": whole(len(errors)),
        "ErrorsOutside": count(errors, "outside"),
        "ReasonLate": whole(len(late)),
        "ReasonLateOutside": spelled(int(count(late, "outside"))),
        "ReasonTail": whole(len(tail)),
        "ReasonTailOutside": count(tail, "outside"),
        "ReasonTies": spelled(sum("ties" in r["reason"] for r in off)),
        "FlowDeviation": number(off_flow(), 2),
        "RouterPoints": whole(sum(se > 0 for se in success.numbers("se"))),
        "RouterDeviation": number(misfit(success), 2),
        "AdviceChoices": spelled(len(choices(table("advice")))),
        "AdviceConfirmed": spelled(len(choices(table("advice"))(verdict="confirmed"))),
    }


def count(rows: Iterable[Row], verdict: str) -> str:
    """Return how many rows have a verdict."""
    return whole(sum(r["verdict"] == verdict for r in rows))


def tokens() -> Macros:
    """Return who receives the patch, by the rule that routes."""
    at = {"n_patches": 32, "n_experts": 8}
    macros = {}
    for arm in ("place", "score", "expert"):
        for name, routers in (("Before", "untrained"), ("After", "trained")):
            here = row("token_choice", arm=arm, capacity=4, routers=routers, **at)
            macros[f"Token{arm.title()}{name}"] = percent(here["simulated"])
        err = row("token_choice", arm=arm, capacity=1, routers="trained", **at)
        macros[f"TokenError{arm.title()}"] = mean(err, "test_error", 0, scale=100) + " %"
    macros["TokenIrrelevant"] = whole(setting("token_choice", "data")["n_irrelevant"])
    macros["TokenDraws"] = spelled(
        int(row("token_choice", arm="place", capacity=1, routers="trained", **at)["n_draws"])
    )
    return macros


def norms() -> Macros:
    """Return router norms against the theorems."""
    carries, never = (
        {loss: row("router_norms", loss=loss, quantity=q) for loss in ("hinge", "logistic")}
        for q in ("carries_change", "never_change")
    )
    between = row("router_norms", loss="hinge", quantity="receives_change")
    kept = {loss: row("router_norms", loss=loss, size="n_routed") for loss in carries}
    seldom = setting("router_norms", "data", size="patch_dim")["frequencies"][0]
    often = setting("pruning", "data", seen="often")["frequencies"][0]
    return {
        "NormDraws": between["n_draws"],
        "NormViolated": spelled(len(table("router_norms", verdict="violated"))),
        "SeldomShare": percent(seldom),
        "OftenShare": percent(often),
        **{f"NormCarries{loss.title()}": exponent_of(r) for loss, r in carries.items()},
        **{f"NormNever{loss.title()}": exponent_of(r) for loss, r in never.items()},
        "NormReceives": exponent_of(between),
        **{
            f"NormProficient{loss.title()}": exponent_of(
                row("router_norms", loss=loss, quantity="proficient_change")
            )
            for loss in carries
        },
        "VerdictReceives": between["verdict"],
        **{f"VerdictKept{loss.title()}": r["verdict"] for loss, r in kept.items()},
        "KeptHeld": whole(sum(int(r["n_held"]) for r in kept.values())),
        "KeptTrainings": whole(sum(int(r["n_trainings"]) for r in kept.values())),
    }


def pruning() -> Macros:
    """Return what pruning by the change of router norms costs, beside gate mass."""
    stay = {"treatment": "routers stay"}
    often = {"data": "patterns", "routing": "token choice", "seen": "often", **stay}
    best = {"data": "digits", "routing": "token choice", "seen": "seldom", **stay}
    change, mass = {"score": "router_norm_change"}, {"score": "gate_mass"}
    return {
        "PruneExperts": whole(setting("pruning", "model", data="patterns")["n_experts"]),
        "PruneDraws": row("pruning", **often, **mass)["n_draws"],
        "PruneOften": lost(row("pruning", **often, **change), 0.875),
        "PruneOftenMass": lost(row("pruning", **often, **mass), 0.875, 1),
        "PruneBest": lost(row("pruning", **best, **change), 0.9375),
        "PruneBestMass": lost(row("pruning", **best, **mass), 0.9375),
        "PruneMayBeBest": may_be_best(table("pruning", **stay, **change)),
        "PruneMassMayBeBest": may_be_best(table("pruning", **stay, **mass)),
        "GammaProficient": at_gamma("expert choice", "gamma_proficient"),
        "GammaGate": at_gamma("expert choice", "gamma_gate"),
        "GammaToken": at_gamma("token choice", "gamma_gate"),
    }


def bits() -> Macros:
    """Return how often each allocation may be best, and which experts change most."""
    ways = {"Small": "smallest_change", "Lift": "released_lift", "Large": "largest_change",
            "Noise": "rounding_noise"}  # fmt: skip
    macros = {
        f"Bits{name}{routing.title()}": may_be_best(
            fitted(way, routing=f"{routing} choice", part="all")
        )
        for routing in ("expert", "token")
        for name, way in ways.items()
    }
    middle = sorted(float(at["alpha"]) for at in places())[len(places()) // 2]
    at = {"alpha": middle, "part": "all"}
    small = {
        name: fitted("smallest_change", routing="expert choice", quantizer=name, **at)
        for name in ("gptq", "hqq")
    }
    lift = fitted("released_lift", routing="token choice", quantizer="gptq", **at)
    return macros | {
        "BitExperts": whole(setting("quantization", "model", alpha=middle)["n_experts"]),
        "BitDraws": lift["n_draws"],
        "AlphaMiddle": number(middle),
        "SmallGptq": lost(small["gptq"], 2),
        "SmallHqq": lost(small["hqq"], 2),
        "LiftToken": lost(lift, 2),
        "ChangeFrequent": number(lift["change_frequent"], 2),
        "ChangeRare": number(lift["change_rare"], 2),
        "ChangeNone": number(lift["change_none"], 2),
    }


SECTIONS: tuple[Callable[[], Macros], ...] = (
    settings, derived, speed, measured, verdicts, predictions, tokens, norms, pruning, bits,
)  # fmt: skip


def all_macros() -> Macros:
    """Return every macro of the article.

    Raises
    ------
    ValueError
        If two sections define the same one, or a name is not made of letters.
    """
    macros: Macros = {}
    for section in SECTIONS:
        found = section()
        wrong = [name for name in found if name in macros or not name.isalpha()]
        if wrong:
            raise ValueError(f"macros defined twice, or not of letters alone: {wrong}")
        macros |= {name: latex(text) for name, text in found.items()}
    return macros
