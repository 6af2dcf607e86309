import numpy as np
import pytest

from moe_theory import SGD, AccuracyExperiment, Arm, DenseCNN, JointMoE, PatchPatterns, SeparateMoE
from moe_theory.experiments import accuracy

SMALL = SGD(learning_rate=1.0, batch_size=10, n_epochs=20)
ARMS = {
    "dense": Arm(DenseCNN(4), SMALL),
    "separate": Arm(SeparateMoE(2, 4, 2), SMALL),
    "joint": Arm(JointMoE(2, 4, 2), SMALL),
}


def experiment(**changes):
    data = PatchPatterns(n_patches=5, n_irrelevant=12, patch_dim=14)
    plain = {"data": data, "arms": ARMS, "n_train": (10, 25), "n_test": 40, "n_draws": 2}
    return AccuracyExperiment(**plain | changes)


def without_time(results):
    return [{k: v for k, v in row.items() if k != "seconds"} for row in results.rows]


def test_a_row_is_one_training():
    results = experiment().run(progress=False)
    assert len(results.rows) == 3 * 2 * 2
    assert results.unique("arm") == ["dense", "separate", "joint"]
    row = results.select(arm="separate", n_train=25, draw=1).rows[0]
    assert 0 <= row["router_success"] <= 1
    assert np.isnan(results.select(arm="dense").column("router_success")).all()
    mean, std, count = results.mean_std("test_accuracy", arm="joint", n_train=25)
    values = results.select(arm="joint", n_train=25).column("test_accuracy")
    assert (mean, std, count) == (values.mean(), values.std(ddof=1), 2)
    assert results.to_csv().count("\n") == 13
    with pytest.raises(ValueError, match="column must be one of"):
        results.column("accuracy")


def test_workers_and_interruptions_leave_no_trace(tmp_path, monkeypatch):
    expected = without_time(experiment().run(progress=False, n_workers=1))
    assert without_time(experiment().run(progress=False, n_workers=4)) == expected
    path, train, calls = tmp_path / "rows.jsonl", accuracy.train, []

    def interrupted(*args, **kwargs):
        calls.append(args)
        if len(calls) == 5:
            raise KeyboardInterrupt
        return train(*args, **kwargs)

    monkeypatch.setattr(accuracy, "train", interrupted)
    with pytest.raises(KeyboardInterrupt):
        experiment().run(path, progress=False, n_workers=1)
    calls.clear()
    monkeypatch.setattr(accuracy, "train", lambda *a, **k: (calls.append(a), train(*a, **k))[1])
    assert without_time(experiment().run(path, progress=False)) == expected
    assert 0 < len(calls) < 12
    calls.clear()
    assert without_time(experiment().run(path, progress=False)) == expected
    assert not calls


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"arms": {}}, "arms must be at least one network"),
        ({"n_train": ()}, "n_train must be at least one number"),
        ({"n_train": (0,)}, "n_train must be an integer >= 1; got 0"),
        ({"n_test": 1}, "n_test must be an integer >= 2; got 1"),
        ({"arms": {"j": Arm(JointMoE(2, 4, 6), SMALL)}}, "n_routed must be at most"),
    ],
)
def test_bad_experiments(changes, message):
    with pytest.raises(ValueError, match=message):
        experiment(**changes)
