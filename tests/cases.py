"""Strategies that draw small networks, data and settings."""

import numpy as np
from hypothesis import strategies as st

from moe_theory import (
    SGD,
    DenseCNN,
    JointMoE,
    PatchData,
    PatchPatterns,
    SampleMoE,
    SeparateMoE,
    TokenChoiceMoE,
)

KINDS = ("dense", "separate", "joint", "token", "sample")
# Token choice as it is, and with whatever can be added to it.
TRAINED = (*KINDS, "practised")


@st.composite
def problems(draw, kinds=KINDS):
    """A network, raw data that fit it, and the loss; n = 1, l = n, k = 1, m = k, N odd occur."""
    kind = draw(st.sampled_from(kinds))
    n_patches = draw(st.integers(1, 5))
    patch_dim = draw(st.integers(1, 5))
    n_samples = draw(st.integers(1, 7))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    data = PatchData.from_patches(
        rng.normal(size=(n_samples, n_patches, patch_dim)),
        rng.choice([-1, 1], size=n_samples),
        positions=rng.integers(n_patches, size=n_samples),
    )
    return draw(networks(kind, n_patches)), data, draw(st.sampled_from(["logistic", "hinge"]))


@st.composite
def pattern_data(draw, n_patches):
    """Orthonormal, correlated or closer patterns."""
    n_irrelevant = draw(st.integers(2, 12))
    closer = draw(st.sampled_from([(0, 0), (1, 0), (1, 1)]))
    model = PatchPatterns(
        n_patches=n_patches,
        n_irrelevant=n_irrelevant,
        patch_dim=n_irrelevant + 2 + draw(st.integers(0, 6)),
        delta_d=draw(st.sampled_from([0.0, 0.4, -0.9])),
        n_closer=closer,
        closeness=0.8,
    )
    n_samples = draw(st.integers(2, 30))
    return model.sample(n_samples, draw(st.integers(0, 999))), model


@st.composite
def networks(draw, kind, n_patches):
    outputs = draw(st.sampled_from(["signs", "gaussian"]))
    units = draw(st.integers(1, 3))
    activation = draw(st.sampled_from(["relu", "cubic", "linear"]))
    pooling = draw(st.sampled_from(["mean", "sum"]))
    std = 0.3 if activation == "cubic" else 0.7
    if kind == "dense":
        outputs = draw(st.sampled_from(["signs", "gaussian", "ones"]))
        return DenseCNN(units, outputs, std, activation, pooling)
    n_experts = draw(st.integers(1, 3)) * (2 if kind == "separate" else 1)
    if kind == "sample":
        return SampleMoE(
            n_experts,
            n_experts * units,
            activation,
            pooling,
            draw(st.sampled_from(["softmax", "none"])),
            draw(st.sampled_from(["uniform", "gaussian", "none"])),
            draw(st.sampled_from([0.3, 1.0])),
            draw(st.sampled_from(["signs", "gaussian", "expert_signs", "ones"])),
            init_std=std,
            router_init_std=0.5,
        )
    if kind in ("token", "practised"):
        added = draw(practices()) if kind == "practised" else {}
        return TokenChoiceMoE(
            n_experts,
            (n_experts + added.get("n_shared", 0)) * units,
            draw(st.integers(1, n_experts)),
            draw(st.none() | st.integers(1, n_patches + 1)),
            draw(st.sampled_from(["place", "score"])),
            output_weights=outputs,
            init_std=0.7,
            router_init_std=0.5,
            **added,
        )
    return {"separate": SeparateMoE, "joint": JointMoE}[kind](
        n_experts,
        n_experts * units,
        draw(st.integers(1, n_patches)),
        pooling=draw(st.sampled_from(["routed", "all"])),
        output_weights=outputs,
        init_std=0.7,
        router_init_std=0.5,
    )


@st.composite
def practices(draw):
    """What can be added to token choice; each may stay as it is."""
    return {
        "gate": draw(st.sampled_from(["softmax", "sigmoid"])),
        "renormalize": draw(st.booleans()),
        "n_shared": draw(st.integers(0, 2)),
        "noise": draw(st.sampled_from(["none", "gaussian", "uniform"])),
        "noise_scale": draw(st.sampled_from([0.3, 1.0])),
    }


@st.composite
def descents(draw, model):
    """Settings of SGD that the network has, and other networks have not."""
    found = {}
    if isinstance(model, DenseCNN | SampleMoE):
        found["normalize_experts"] = draw(st.booleans())
    if isinstance(model, SampleMoE):
        found["balance_weight"] = draw(st.sampled_from([0.0, 0.5]))
    if isinstance(model, TokenChoiceMoE):
        found["balance_weight"] = draw(st.sampled_from([0.0, 0.5]))
        found["bias_rate"] = draw(st.sampled_from([0.0, 0.1]))
        if model.gate == "softmax":
            found["z_weight"] = draw(st.sampled_from([0.0, 0.3]))
        if model.noise != "none":
            found["noise_steps"] = draw(st.sampled_from([None, 2, 9]))
    return found


def settings_of(**changes):
    """SGD in float64, by default one step on all samples."""
    return SGD(
        **{"learning_rate": 0.1, "batch_size": 100, "n_steps": 1, "dtype": "float64"} | changes
    )


def exploding(n_patches, patch_dim, dtype="float64", **changes):
    """Data and settings of which every network diverges, on whatever machine.

    Equal inputs have both labels, so that one is wrong; the step that follows is larger than any
    number of the type.
    """
    size, rate = {"float32": (1e15, 1e30), "float64": (1e140, 1e250)}[dtype]
    data = PatchData.from_patches(size * np.ones((4, n_patches, patch_dim)), [1, -1, 1, -1])
    sgd = SGD(
        **{"learning_rate": rate, "router_learning_rate": 1.0, "batch_size": 4, "n_steps": 9}
        | {"dtype": dtype}
        | changes
    )
    return data, sgd
