"""What a user may ask for: configurations, most of them possible, and samples of any size."""

import inspect
import math
import re

import numpy as np
from hypothesis import reject
from hypothesis import strategies as st

import moe_theory
from moe_theory import (
    SGD,
    ClusterSignal,
    DenseCNN,
    DigitPatches,
    DigitTasks,
    DivergenceError,
    JointMoE,
    PatchData,
    PatchPatterns,
    SampleMoE,
    SeparateMoE,
    SpuriousPatch,
    TaskPatterns,
    TokenChoiceMoE,
    inference,
)

ODD = (
    0, 1, -1, 7, 0.5, 1.5, -0.5, 95, 1e-30, 1e30, 2**70, math.nan, math.inf, -math.inf, True, None,
    "3", "train", (), (1, 2), [3], np.int64(3), np.float32(0.25), np.array([1.0, 2.0]), 1j, {},
)  # fmt: skip
fractions = st.sampled_from([0.1, 0.5, 0.9])
sizes = st.integers(1, 8)
rates = st.floats(-4, 4).map(lambda power: 10.0**power)
laws = st.sampled_from([(0.5, 2.0), (0.0, 3.0), (1.0, 1.0)])
optional = st.none() | st.integers(1, 6)


def _names():
    """All names of parameters and fields of the public API."""
    public = [getattr(module, name) for module in (moe_theory, inference)
              for name in module.__all__]  # fmt: skip
    found = set()
    for thing in public:
        if callable(thing) and not (inspect.isclass(thing) and issubclass(thing, BaseException)):
            found |= set(inspect.signature(thing).parameters)
        if inspect.isclass(thing):
            for _, method in inspect.getmembers(thing, inspect.isfunction):
                found |= set(inspect.signature(method).parameters)
    return found - {"self", "args", "kwargs", "options"}


NAMES = _names()


def attempt(function, *arguments, **named):
    """Return what ``function`` does; where it refuses, see that it says what, and stop there."""
    try:
        return function(*arguments, **named)
    except (ValueError, TypeError) as error:
        said, wanted = str(error), NAMES
    except DivergenceError as error:
        said, wanted = str(error), {"step"}
    assert set(re.findall(r"[A-Za-z_]\w*", said)) & wanted, f"{function} names nothing: {said}"
    reject()


@st.composite
def mostly(draw, strategy):
    """Nine in ten times what is asked for, else something odd."""
    return draw(st.sampled_from(ODD) if draw(st.integers(0, 9)) == 0 else strategy)


@st.composite
def made(draw, kind, **fields):
    """A configuration; one in ten has an odd value somewhere."""
    values = {name: draw(strategy) for name, strategy in fields.items()}
    if draw(st.integers(0, 9)) == 0:
        values[draw(st.sampled_from(sorted(values)))] = draw(st.sampled_from(ODD))
    return attempt(kind, **values)


def patterns(**more):
    p = st.integers(1, 12)
    return made(
        PatchPatterns, n_patches=sizes, n_irrelevant=p, patch_dim=st.integers(12, 20),
        delta_d=st.sampled_from([0.0, 0.4, -0.9]), spread=st.sampled_from([0.0, 0.0, 0.1]),
        balanced=st.booleans(), positive_fraction=fractions,
        n_closer=st.sampled_from([(0, 0), (1, 0), (1, 1), (2, 3)]), closeness=fractions,
        max_closer=st.none() | st.integers(0, 3), dictionary_seed=sizes,
    )  # fmt: skip


@st.composite
def digits(draw):
    positive, negative, *rest = draw(st.sampled_from([(1, 0, 2, 3), (0, 1, 9), (2, 3, 0, 1, 5)]))
    return draw(made(
        DigitPatches, n_patches=sizes, positive_digit=st.just(positive),
        negative_digit=st.just(negative), irrelevant_digits=st.just(tuple(rest)),
        balanced=st.booleans(), positive_fraction=fractions, test_fraction=fractions,
        split_seed=sizes,
    ))  # fmt: skip


DATA = {
    "patterns": patterns(),
    "digits": digits(),
    "tasks": made(TaskPatterns, n_patches=sizes, n_irrelevant=sizes, patch_dim=st.integers(12, 20),
         frequencies=st.sampled_from([(1.0,), (0.5, 0.5), (0.9, 0.1), (0.0, 1.0)]),
         spread=st.sampled_from([0.0, 0.1]), balanced=st.booleans(), positive_fraction=fractions),
    "spurious": made(SpuriousPatch, base=patterns() | digits(), rho_train=fractions,
         rho_test=fractions),
    "clusters": made(ClusterSignal, n_clusters=st.integers(2, 5), n_patches=st.integers(3, 8),
         patch_dim=st.integers(8, 20), alpha=laws, beta=laws, gamma=laws, noise_std=fractions,
         scale=st.sampled_from([0.01, 1.0, 10.0]), balanced=st.booleans(),
         positive_fraction=fractions, dictionary_seed=sizes),
    "digit tasks": made(DigitTasks, base=digits(),
         frequencies=st.sampled_from([(0.5, 0.5), (0.9, 0.1)])),
}  # fmt: skip
NETWORKS = (DenseCNN, SeparateMoE, JointMoE, TokenChoiceMoE, SampleMoE)


@st.composite
def models(draw, kind):
    std = st.sampled_from([0.0, 1e-8, 0.01, 1.0, 100.0])
    fields = {"output_weights": st.sampled_from(["signs", "gaussian"]), "init_std": std}
    units = {
        "activation": st.sampled_from(["relu", "relu", "cubic", "linear"]),
        "pooling": st.sampled_from(["mean", "sum"]),
    }
    if kind is DenseCNN:
        return draw(made(kind, n_hidden=sizes, **fields, **units))
    k = draw(st.sampled_from([2, 2, 4] if kind is SeparateMoE else [2, 2, 4, 3, 1]))
    fields |= {"n_experts": st.just(k), "n_hidden": st.just(k * draw(st.integers(1, 3)))}
    fields |= {"router_init_std": std}
    if kind is TokenChoiceMoE:
        shared = draw(st.sampled_from([0, 0, 0, 1, 2]))
        fields |= {"n_hidden": st.just((k + shared) * draw(st.integers(1, 3)))}
        more = {"n_chosen": st.integers(1, k), "capacity": optional,
                "priority": st.sampled_from(["place", "score"]), "n_shared": st.just(shared),
                "gate": st.sampled_from(["softmax", "softmax", "sigmoid"]),
                "renormalize": st.booleans(), "noise_scale": st.sampled_from([1.0, 0.1, 1e-9]),
                "noise": st.sampled_from(["none", "none", "uniform", "gaussian"])}  # fmt: skip
    elif kind is SampleMoE:
        more = {"gate": st.sampled_from(["softmax", "none"]), **units,
                "noise": st.sampled_from(["uniform", "gaussian", "none"]),
                "noise_scale": st.sampled_from([1.0, 0.1, 1e-9, 1e9])}  # fmt: skip
    else:
        more = {"n_routed": st.integers(1, 4), "pooling": st.sampled_from(["routed", "all"])}
    return draw(made(kind, **fields, **more))


# What only some networks are trained with, and where others refuse it: one in twenty is asked to.
OWN = {
    "normalize_experts": ((DenseCNN, SampleMoE), st.booleans()),
    "balance_weight": ((TokenChoiceMoE, SampleMoE), st.sampled_from([0.0, 0.5, 100.0])),
    "z_weight": ((TokenChoiceMoE,), st.sampled_from([0.0, 0.0, 0.5, 100.0])),
    "bias_rate": ((TokenChoiceMoE,), st.sampled_from([0.0, 0.0, 0.01, 1.0])),
    "record_load": (NETWORKS[1:], st.booleans()),
}


@st.composite
def descents(draw, model):
    by_steps = draw(st.booleans())
    router = draw(st.sampled_from(["router_n_steps", "router_n_epochs"]))
    fields = {
        "learning_rate": rates, "batch_size": st.integers(1, 30),
        "n_steps" if by_steps else "n_epochs": st.integers(1, 30 if by_steps else 4),
        "loss": st.sampled_from(["logistic", "hinge"]), "router_learning_rate": st.none() | rates,
        "router_batch_size": optional, router: optional,
        "router_samples": st.sampled_from(["train", "train", "split", "held_out"]),
        "router_fraction": fractions,
        "record": st.none() | st.integers(1, 9) | st.just((2, 3, 5)),
        "stop_at_zero_error": st.booleans(), "stop_loss": st.none() | fractions,
        "dtype": st.sampled_from(["float64", "float64", "float32"]),
    }  # fmt: skip
    anyway = draw(st.integers(0, 19)) == 0
    own = {name: values for name, (kinds, values) in OWN.items() if isinstance(model, kinds)}
    if getattr(model, "noise", "none") != "none":
        own["noise_steps"] = st.sampled_from([None, 1, 7])
    if getattr(model, "gate", "softmax") == "sigmoid":
        del own["z_weight"]
    if anyway:
        own = {name: values for name, (_, values) in OWN.items()}
    fields |= own
    return draw(made(SGD, **fields))


@st.composite
def samples(draw, kind):
    """Training and test inputs; their patches may be tiny or huge."""
    law = draw(DATA[kind])
    count = draw(mostly(st.integers(2, 40)))
    seed = draw(st.integers(0, 2**64))
    train_data, test = (attempt(law.sample, count, seed, split=s) for s in ("train", "test"))
    scale = 10.0 ** draw(st.sampled_from([0, 0, 0, -6, -3, 3, 6]))
    whole = draw(st.integers(0, 9)) == 0
    used = [np.unique(part.indices) for part in (train_data, test)]
    if len(train_data.dictionary) == len(test.dictionary):
        used = [np.union1d(*used)] * 2
    found = []
    for part, seen in zip((train_data, test), used, strict=True):
        # Inner products of all images that nobody sees would take most of the time.
        kept = np.arange(len(part.dictionary)) if whole else seen
        dictionary, indices = scale * part.dictionary[kept], np.searchsorted(kept, part.indices)
        found.append(PatchData(dictionary, indices, part.labels, part.positions))
    return found
