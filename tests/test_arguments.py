"""Whatever is given in place of an argument, the answer names the argument and what is wanted.

Every public function, and every class with parameters, is called with one wrong object after the
other in place of each argument, the rest being right. What is wrong follows from the type hints, so
that a new function is covered as soon as there is an example of each of its arguments.
"""

import collections.abc
import importlib
import inspect
import re
import types
import typing
from dataclasses import replace

import numpy as np
import pytest
import sympy as sp
from matplotlib.figure import Figure

from moe_theory import (
    SGD,
    ClusterSignal,
    DenseCNN,
    DigitPatches,
    DivergenceError,
    JointMoE,
    PatchPatterns,
    Results,
    SampleMoE,
    SeparateMoE,
    Setting,
    TokenChoiceMoE,
    train,
)
from moe_theory.bounds import Measurements, complexity
from moe_theory.flow import FlowError
from moe_theory.statistics import fit_exponents

MODULES = (
    "", ".advice", ".bounds", ".costs", ".data", ".experiments", ".explore", ".flow", ".inference",
    ".models", ".plotting", ".predictions", ".routing", ".statistics", ".training",
)  # fmt: skip

LAW = PatchPatterns(n_patches=8, n_irrelevant=32, patch_dim=34)
DATA = LAW.sample(20, seed=0)
TEST = LAW.sample(10, seed=0, split="test")
CLUSTERS = ClusterSignal()
STEPS = SGD(0.1, batch_size=20, n_steps=2, stop_loss=0.03)
NETWORKS = {
    DenseCNN: DenseCNN(4, init_std=0.01),
    SeparateMoE: SeparateMoE(2, 4, 2, init_std=0.01),
    JointMoE: JointMoE(2, 4, 2),
    TokenChoiceMoE: TokenChoiceMoE(2, 4),
    SampleMoE: SampleMoE(2, 4),
}
RUN = train(NETWORKS[JointMoE], DATA, STEPS)
DENSE = train(DenseCNN(2), DATA, STEPS)
SETTING = Setting({"arm": "dense"}, LAW, NETWORKS[DenseCNN], STEPS, 20)
ROWS = [
    {"arm": "dense", "n_train": n, "draw": i, "e": i / n, "value": n, "low": n, "high": 2 * n,
     "gates_positive": [1.0], "gates_negative": [0.5]}
    for n in (8, 16, 32) for i in (1, 2)
]  # fmt: skip
BOUND = complexity("sample complexity", "dense")
FIT = fit_exponents([8, 16, 32, 64], [3.1, 12.0, 50.0, 190.0])

# An example of every argument, whatever the function; where one needs another, see OWN.
EXAMPLES = {
    "balance_weight": 0.5, "bias_rate": 0.01, "chances": [0.5, 0.5], "excess": 0.5, "expert": 0,
    "gates": [0.75, 0.25], "lead": 0.5, "load": [0.75, 0.25], "router_learning_rate": 0.1,
    "share": 0.1, "shares": [1.0], "slope": 0.5,
    "accuracy": [[1.0, 0.9], [1.0, 0.8]], "ahead": 0.5, "allocation": "router_norm_change",
    "architecture": "dense", "arm": "dense", "arms": {"dense": NETWORKS[DenseCNN]},
    "at": (1.0, 2.0), "average_bits": 2, "ax": Figure().subplots(), "balanced": True, "base": LAW,
    "batch_size": 20, "bits": 2, "bound": BOUND, "capacity": 2, "certainty": 0.9,
    "cheap": BOUND, "clusters": [1], "colour": "C0", "column": "e", "columns": ["e"],
    "confidence": 0.95,
    "data": DATA, "dear": BOUND, "dense": DENSE, "dictionary": np.eye(3), "epsilon": 0.05,
    "experts": [0],
    "errors": [[0.4, 0.5], [0.1, 0.2]], "exponent": 2.0, "expression": sp.Integer(2),
    "figure": Figure(), "finding": "a", "place": Figure(),
    "families": [SETTING], "family": SETTING, "first": BOUND, "fit": FIT, "folder": "/proc/none",
    "header": ("a",), "index": 0, "indices": np.array([[0, 1, 2]]), "initial": RUN.initial,
    "images": "/proc/none/a", "test_images": "/proc/none/b", "test_labels": "/proc/none/c",
    "npz": "/proc/none/d", "config": {}, "key": "n", "kind": "sufficient", "label": "dense",
    "labels": {}, "learning_rate": 0.1,
    "less": ROWS[0], "levels": [0.0, 0.5], "losses": [[0.1, 0.2], [0.3, 0.1]],
    "max_evaluations": 100, "measured": [10, 40, 160],
    "measurements": Measurements({"n_patches": [8, 16, 32]}, [10, 40, 160]), "model": NETWORKS,
    "more": ROWS[0], "n": 16, "n_chosen": 1, "n_clusters": 4, "n_draws": 2,
    "n_experts": 2, "n_hidden": 4,
    "n_irrelevant": 32, "n_pairs": 8, "n_patches": 8, "n_routed": 2, "n_samples": 20, "n_steps": 2,
    "n_sets": 2, "n_test": 20,
    "n_train": 20, "n_visits": 40, "order": "Ω", "output_weights": "signs", "patch_dim": 34,
    "path": "/proc/none/file", "patterns": LAW, "places": [8, 16], "q": 0.5,
    "quantity": "sample complexity", "ratio": 0.5, "reference": [1.0, 1.0],
    "results": Results({}, ROWS), "rho_train": 0.9, "routers": np.eye(3), "rows": ROWS, "run": RUN,
    "score": "random", "scores": [0.5, 0.0], "second": BOUND, "seeds": [0], "setting": SETTING,
    "settings": [SETTING],
    "sgd": STEPS, "size": "n_train", "step": lambda size: size, "symmetric": True,
    "test": TEST, "title": "a", "train": DATA, "units_per_expert": 2,
    "value": [8.0, 16.0, 32.0, 64.0], "values": {"n_patches": [8, 16, 32]},
    "variances": [1.0, 2.0], "weights": RUN.weights, "widths": (0, 2), "x": "n_train",
    "xs": [1.0, 2.0], "y": "draw",
}  # fmt: skip
# Examples of single functions.
OWN = {
    "SGD.n_steps": 2,
    "advise.patterns": PatchPatterns(n_patches=16, n_irrelevant=64, patch_dim=66),  # of the table
    "TaskPatterns.patch_dim": 40,
    "pack_idx.labels": "/proc/none/e",
    "size_thresholds.labels": ["arm"],
    "Setting.data": LAW,
    "SpuriousPatch.base": PatchPatterns(n_patches=8, n_irrelevant=32, patch_dim=36),
    "grid.data": LAW,
    "grid.sgd": STEPS,
    "paired_ratio.more": {"spent": [1.0, 2.0], "errors": [[0.5, 0.1], [0.4, 0.1]]},
    "paired_ratio.less": {"spent": [1.0, 2.0], "errors": [[0.5, 0.1], [0.4, 0.1]]},
    "paired_ratio.level": 0.2,
    "error_on_images.data": DigitPatches(n_patches=4),
    "one_step_error_on_images.data": DigitPatches(n_patches=4),
    "one_step_error_on_images.model": DenseCNN(4, init_std=1e-9),
    "one_step_error_on_images.sgd": SGD(1.0, batch_size=20, n_steps=1),
    "router_success_on_images.data": DigitPatches(n_patches=4),
    "one_step_error.sgd": SGD(64.0, batch_size=20, n_steps=1),
    "released_counts.levels": (3, 1),
    "released_lift.order": [1, 0],
    "balanced_bias.affinities": [[0.75, 0.25]],
    "bias_cycle.affinities": [[0.75, 0.25]],
    "balance_threshold.values": [8.0, 0.0],
    "score_forces.values": [8.0, 0.0],
    "resting_gate.value": 60.0,
    "symmetry_growth.n_active": 2,
    "choice_chances.noise": "gaussian",
    "choice_chances.noise_scale": 1.0,
    "rivals.routers": np.eye(34)[:3],
    "expert_choice_success.routers": np.eye(34)[:3],
    "token_choice_success.routers": np.eye(34)[:2],
    "PatchData.indices": [[0, 1]],
    "PatchData.labels": [1],
    "Table.rows": (("b",),),
    "cell_places.at": np.array([1.0, 2.0]),
    "cell_places.values": [1, 2, 4],
    "best_patch_sum.data": CLUSTERS.sample(5, seed=0),
    "best_patch_sum.model": CLUSTERS,
    "patch_sum_floor.model": CLUSTERS,
    "symmetric_sum_error.model": CLUSTERS,
    "check.bound": BOUND,
    "fit_exponents.x": [8, 16, 32, 64],
    "look.arms": ["dense"],
    "mean_interval.values": [0.5, 1.0],
    "student_interval.mean": [0.5, 0.25],
    "student_interval.standard_error": 0.125,
    "number_ticks.values": [1, 2],
    "interval_text.value": 0.5,
    "agreement.ratio": 1.2,
    "agreement.wide": 0.1,
    "agreement.accuracy": 0.15,
    "bias_and_spread.ratios": [1.1, 1.0, 0.9],
    "bias_and_spread.standard_errors": [0.1, 0.1, 0.1],
    "trained_error.n_draws": 32,
    "trained_samples_to.n_draws": 32,
    "interval_text.low": 0.25,
    "interval_text.high": 1.0,
    "expert_load.model": NETWORKS[JointMoE],
    "plot_load.run": train(NETWORKS[JointMoE], DATA, replace(STEPS, record_load=True)),
    "predicted_curve.ratio": 4,
    "routing_metrics.routers": np.eye(34),
    "upcycle.model": NETWORKS[JointMoE],
    "token_routing_metrics.routers": np.eye(34)[:2],
    "input_routing_metrics.routers": np.eye(34)[:2],
}
# Told by another name.
ALIASES = {"errors": "places", "families": "family"}
WRONG = (
    None, "text", 5, 0.5, True, 1j, {}, [None], object(), np.full((2, 2), "a"), DenseCNN,
    NETWORKS[DenseCNN], LAW, lambda *_: None,
)  # fmt: skip


def public():
    """Return every public function, and every class whose docstring has parameters, by name."""
    found = {}
    for name in MODULES:
        module = importlib.import_module(f"moe_theory{name}")
        names = getattr(module, "__all__", None) or [
            key for key, value in vars(module).items()
            if getattr(value, "__module__", "") == module.__name__ and key[0] != "_"
        ]  # fmt: skip
        for key in names:
            value = getattr(module, key)
            spec = inspect.isclass(value) and "Parameters\n" in (inspect.getdoc(value) or "")
            if inspect.isfunction(value) or spec:
                found[f"{value.__module__.removeprefix('moe_theory.')}.{key}"] = value
    return {name: value for name, value in found.items() if inspect.signature(value).parameters}


PUBLIC = public()


def hints_of(function):
    """Return the type of every argument that has a name of its own."""
    source = function.__init__ if inspect.isclass(function) else inspect.unwrap(function)
    hints = typing.get_type_hints(source, include_extras=False)
    kinds = inspect.Parameter
    names = [
        name for name, one in inspect.signature(function).parameters.items()
        if one.kind not in (kinds.VAR_KEYWORD, kinds.VAR_POSITIONAL)
    ]  # fmt: skip
    counts = function.__module__.startswith("moe_theory.costs")
    return {
        name: sp.Expr | float if counts and hints[name] is typing.Any else hints[name]
        for name in names
    }


def admits(hint, value):  # noqa: PLR0911
    """Return whether ``value`` may be given where the type ``hint`` stands."""
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    array = any("numpy" in repr(one) for one in (hint, *inner) if one is not np.floating)
    if hint is typing.Any or isinstance(hint, typing.TypeVar):
        return True
    if origin in (typing.Union, types.UnionType):
        return any(admits(one, value) for one in inner)
    if origin is typing.Literal:
        return isinstance(value, str) and value in inner
    if hint in (type(None), None):
        return value is None
    if hint in (int, float):
        return isinstance(value, (int,) if hint is int else (int, float)) and value is not True
    if origin is collections.abc.Callable:
        return callable(value)
    if origin in (collections.abc.Mapping, dict):
        return isinstance(value, dict)
    if origin in (collections.abc.Sequence, collections.abc.Iterable, list, tuple):
        listed = isinstance(value, list | tuple)
        return listed and all(admits(inner[0], one) for one in value)
    if array:
        return not isinstance(value, bool | type) and np.asarray(value).dtype.kind in "iuf"
    return not isinstance(value, type) and isinstance(value, origin or hint)


def example(name, argument, hint):
    if f"{name.rpartition('.')[2]}.{argument}" in OWN:
        return OWN[f"{name.rpartition('.')[2]}.{argument}"]
    known = EXAMPLES[argument]
    if known is NETWORKS:
        kinds = [kind for kind in NETWORKS if admits(hint, NETWORKS[kind])]
        return NETWORKS[kinds[0]]
    return known


def right(name):
    function = PUBLIC[name]
    parameters = inspect.signature(function).parameters
    return {
        argument: example(name, argument, hint)
        for argument, hint in hints_of(function).items()
        if parameters[argument].default is inspect.Parameter.empty
        or f"{name.rpartition('.')[2]}.{argument}" in OWN
    }


@pytest.mark.parametrize("name", sorted(PUBLIC))
def test_wrong_objects(name):
    function, good = PUBLIC[name], right(name)
    for argument, hint in hints_of(function).items():
        for value in WRONG:
            if admits(hint, value):
                continue
            with pytest.raises((TypeError, ValueError)) as caught:
                function(**good | {argument: value})
            named = rf"\b({argument}|{ALIASES.get(argument, argument)})\b"
            assert re.search(named, str(caught.value)), (argument, value)


# Numbers that may be refused or taken, but give no other error and no NaN.
ODD = (-1, 0, 10**20, 10**400, float("nan"), float("inf"), -0.5, 1e300)
# Work that has no end, or no memory, at sizes that are allowed.
ENDLESS = {
    ("predictions.joint.error.joint_error", "n_draws", 10**20),
    ("predictions.joint.samples_to.joint_samples_to", "n_draws", 10**20),
    ("explore.server.serve", "port", 0),  # serves until Ctrl-C
}


@pytest.mark.parametrize("name", sorted(PUBLIC))
def test_odd_numbers(name):
    function, good = PUBLIC[name], right(name)
    for argument, hint in hints_of(function).items():
        if not admits(hint, 5) and not admits(hint, 0.5):
            continue
        for value in ODD:
            if (name, argument, value) in ENDLESS:
                continue
            try:
                found = function(**good | {argument: value})
            except (TypeError, ValueError, DivergenceError, FlowError):
                continue
            assert not (isinstance(found, float) and np.isnan(found)), (argument, value)
