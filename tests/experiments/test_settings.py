import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from moe_theory import SGD, DenseCNN, JointMoE, PatchPatterns, SeparateMoE, Setting, grid

DATA = PatchPatterns(n_patches=4, n_irrelevant=8, patch_dim=10)
STEPS = SGD(1.0, batch_size=10, n_steps=5)
SETTING = {"labels": {}, "data": DATA, "model": DenseCNN(4), "sgd": STEPS, "n_train": 10}
ARMS = {"dense": DenseCNN(4), "separate": SeparateMoE(2, 4, 2), "joint": JointMoE(2, 4, 2)}


def test_axes_links_and_filters():
    settings = grid(
        DATA,
        ARMS,
        STEPS,
        n_train=(10, 20),
        axes={"data.n_patches": (4, 8), "model.n_routed": (1, 6)},
        links={
            "data.n_irrelevant": lambda at: 3 * at["data.n_patches"],
            "data.patch_dim": lambda at: at["data.n_irrelevant"] + 2,
            "sgd.learning_rate": lambda at: 0.5 * at["n_pooled"],
            "sgd.batch_size": lambda at: at["n_train"] if at["arm"] == "joint" else 10,
        },
        where=lambda at: at.get("model.n_routed", 0) <= at["data.n_patches"],
    )
    table = [(s.n_train, *s.labels.values()) for s in settings]
    per_n = [
        ("dense", 4, None), ("separate", 4, 1), ("joint", 4, 1),
        ("dense", 8, None), ("separate", 8, 1), ("joint", 8, 1),
        ("separate", 8, 6), ("joint", 8, 6),
    ]  # fmt: skip
    assert table == [(n, *row) for n in (10, 20) for row in per_n]
    for setting in settings:
        n, l = setting.labels["n_patches"], setting.labels["n_routed"]
        assert (setting.data.n_patches, setting.data.n_irrelevant) == (n, 3 * n)
        assert setting.data.patch_dim == 3 * n + 2
        assert setting.sgd.learning_rate == 0.5 * (l or n)
        joint = setting.labels["arm"] == "joint"
        assert setting.sgd.batch_size == (setting.n_train if joint else 10)
        if l is not None:
            assert setting.model == dataclasses.replace(ARMS[setting.labels["arm"]], n_routed=l)


def test_zipped_axes_and_own_sgd():
    other = SGD(2.0, batch_size=5, n_steps=7)
    arms = {"own": (SeparateMoE(2, 4, 2), other), "shared": SeparateMoE(2, 4, 2)}
    axes = {("model.n_routed", "sgd.learning_rate"): [(1, 0.1), (2, 0.2)]}
    settings = grid(DATA, arms, STEPS, axes=axes)
    found = [(s.labels["arm"], s.model.n_routed, s.sgd.learning_rate) for s in settings]
    assert found == [("own", 1, 0.1), ("shared", 1, 0.1), ("own", 2, 0.2), ("shared", 2, 0.2)]
    assert {s.sgd.n_steps for s in settings if s.labels["arm"] == "own"} == {7}
    assert list(settings[0].labels) == ["arm", "n_routed", "learning_rate"]


def test_pooling_over_all_counts_all_patches():
    arms = {"all": SeparateMoE(2, 4, 2, pooling="all"), "routed": SeparateMoE(2, 4, 2)}
    links = {"sgd.learning_rate": lambda at: at["n_pooled"]}
    assert [s.sgd.learning_rate for s in grid(DATA, arms, STEPS, links=links)] == [4.0, 2.0]


@given(
    st.lists(st.integers(4, 9), min_size=1, max_size=3, unique=True),
    st.lists(st.integers(1, 4), min_size=1, max_size=3, unique=True),
    st.lists(st.integers(1, 50), min_size=1, max_size=3, unique=True),
)
def test_a_grid_is_a_product(n_patches, n_routed, n_train):
    axes = {"data.n_patches": n_patches, "model.n_routed": n_routed}
    settings = grid(DATA, ARMS, STEPS, n_train=n_train, axes=axes)
    dense = len(n_patches) * len(n_train)
    assert len(settings) == dense + 2 * dense * len(n_routed)
    keys = {(s.n_train, *s.labels.values()) for s in settings}
    assert len(keys) == len(settings)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"arms": {}}, "arms must be at least one network"),
        ({"sgd": None}, r"arms\['dense'\] must be \(model, SGD\) where no sgd is given"),
        ({"axes": {"model.depth": (1, 2)}}, "axes and links must be fields such as"),
        ({"axes": {"n_patches": (1, 2)}}, "axes and links must be fields such as"),
        ({"links": {"n_train": lambda at: 3}}, "axes and links must be fields such as"),
        ({"axes": {("data.n_patches", "sgd.loss"): (1, 2)}}, "must be tuples of 2 values; got 1"),
        ({"axes": {"model.n_routed": (9,)}}, "n_routed must be at most the number of patches"),
        ({"where": lambda at: False}, "where must be true for some combination"),
        ({"n_train": (0,)}, "n_train must be an integer >= 1; got 0"),
    ],
)
def test_bad_grids(changes, message):
    with pytest.raises(ValueError, match=message):
        grid(**{"data": DATA, "arms": ARMS, "sgd": STEPS} | changes)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"labels": {"draw": 1}}, "labels must be named by strings other than"),
        ({"labels": {"a": object()}}, r"labels\['a'\] must be a string"),
        ({"n_router": 5}, "n_router must be None unless a SeparateMoE"),
    ],
)
def test_bad_settings(changes, message):
    with pytest.raises(ValueError, match=message):
        Setting(**SETTING | changes)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"data": "patterns"}, "data must be a data model, such as PatchPatterns; got 'patterns'"),
        ({"data": PatchPatterns}, "data must be a data model, .*; got the class PatchPatterns"),
        ({"model": 3}, "model must be a DenseCNN, .*; got 3"),
        ({"sgd": None}, "sgd must be an SGD; got None"),
        ({"group": 3}, "group must be a string"),
        ({"labels": ["arm"]}, "labels must be a mapping"),
    ],
)
def test_wrong_parts_of_a_setting(changes, message):
    with pytest.raises(TypeError, match=message):
        Setting(**SETTING | changes)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"arms": [DenseCNN(4)]}, 'arms must be a mapping of names to networks, such as {"dense'),
        ({"arms": DenseCNN(4)}, "arms must be a mapping of names to networks"),
        (
            {"arms": {"dense": "dense"}},
            r"arms\['dense'\] must be a DenseCNN, .*, or \(network, SGD",
        ),
        ({"arms": {"dense": (STEPS, DenseCNN(4))}}, r"arms\['dense'\]\[0\] must be a DenseCNN"),
        ({"arms": {"dense": (DenseCNN(4), None)}}, r"arms\['dense'\]\[1\] must be an SGD"),
        ({"data": DATA.sample(4, 0)}, "data must be a data model that is a dataclass"),
        ({"sgd": 0.1}, "sgd must be an SGD; got 0.1"),
        ({"n_train": []}, r"n_train must be a sequence of values; got \[\]"),
        ({"axes": [("data.n_patches", 4)]}, "axes must be a mapping"),
        ({"axes": {"data.n_patches": 4}}, r"axes\['data.n_patches'\] must be a sequence of values"),
        ({"axes": {4: (1, 2)}}, "a name in axes must be a string; got 4"),
        ({"links": {"sgd.learning_rate": 0.1}}, r"links\['sgd.learning_rate'\] must be a function"),
        ({"where": "n_train > 3"}, "where must be a function"),
    ],
)
def test_wrong_parts_of_a_grid(changes, message):
    with pytest.raises(TypeError, match=message):
        grid(**{"data": DATA, "arms": ARMS, "sgd": STEPS} | changes)


def test_arrays_are_sequences():
    """Their numbers become Python's own, so that labels and configurations can be stored."""
    sizes, rates = np.array([10, 20], np.int32), np.geomspace(0.25, 1.0, 3)
    axes = {"sgd.learning_rate": rates, ("data.n_patches", "sgd.batch_size"): np.array([[4, 9]])}
    found = grid(DATA, ARMS, STEPS, n_train=sizes, axes=axes)
    expected = grid(
        DATA, ARMS, STEPS, n_train=[10, 20],
        axes={"sgd.learning_rate": [0.25, 0.5, 1.0],
              ("data.n_patches", "sgd.batch_size"): [(4, 9)]},
    )  # fmt: skip
    assert [vars(setting) for setting in found] == [vars(setting) for setting in expected]
    assert type(found[0].n_train) is int
    assert type(found[0].sgd.learning_rate) is float
    assert type(found[0].labels["learning_rate"]) is float
