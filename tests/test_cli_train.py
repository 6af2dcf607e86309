"""From the shell, the same specifications give what they give in Python."""

import json

import numpy as np
import pytest
from tqdm import tqdm

from moe_theory import (
    SGD,
    ClusterSignal,
    DenseCNN,
    DigitPatches,
    DigitTasks,
    JointMoE,
    PatchPatterns,
    SampleMoE,
    SampleStudy,
    Search,
    SeparateMoE,
    Setting,
    SpuriousPatch,
    Sweep,
    TaskPatterns,
    TokenChoiceMoE,
    TrainingRun,
    train,
)
from moe_theory._random import substream
from moe_theory.cli import main
from moe_theory.cli.kinds import DATA, MODELS
from moe_theory.experiments import kept
from moe_theory.inference import prune
from moe_theory.predictions import joint_error, trained_error

SMALL = "train --n-train 20 --n-test 30 --n-epochs 3 --quiet"


def run(line):
    assert main(line.split()) == 0


def run_json(capsys, line):
    run(f"{line} --json")
    return json.loads(capsys.readouterr().out)


@pytest.mark.parametrize("data", DATA)
@pytest.mark.parametrize("model", MODELS)
def test_every_network_on_every_data_model(model, data, capsys):
    line = f"{SMALL} --model {model} --data {data}"
    if data.startswith("spurious"):
        line += " --rho-train 0.9"
    if data == "clusters":
        line += " --learning-rate 0.02"  # patches have norms of 10 and more
    said = run_json(capsys, line)
    assert 0 <= said["test_error"] <= 1
    assert said["model"]["type"] == MODELS[model].__name__
    assert said["data"]["type"] == DATA[data][0].__name__
    assert said["n_steps"] == 3
    assert (said["router_success"] is None) == (model == "dense")
    run(line)
    text = capsys.readouterr().out
    assert f"test error      {said['test_error']:.4f} ± " in text
    assert ("P(patch in top l)" in text) == (model != "dense")


CASES = {
    "--model dense --data patterns --n-patches 8 --n-irrelevant 12 --learning-rate 1 --n-steps 9": (
        DenseCNN(40), PatchPatterns(8, 12, 14), SGD(1.0, 20, n_steps=9),
    ),
    "--model joint --n-experts 4 --n-hidden 8 --n-routed 5 --pooling all --data tasks "
    "--frequencies 0.5,0.25,0.25 --learning-rate-per-patch 0.5": (
        JointMoE(4, 8, 5, pooling="all"), TaskPatterns(16, 64, 70, (0.5, 0.25, 0.25)),
        SGD(8.0, 20, n_epochs=150),
    ),
    "--model separate --router-samples held_out --router-n-steps 7 --data spurious-patterns "
    "--rho-train 1 --rho-test 0 --delta-d 0.1 --learning-rate-per-patch 0.5 --dtype float64": (
        SeparateMoE(2, 40, 2), SpuriousPatch(PatchPatterns(16, 64, 68, 0.1), 1.0, 0.0),
        SGD(1.0, 20, n_epochs=150, router_samples="held_out", router_n_steps=7, dtype="float64"),
    ),
    "--model token --n-chosen 2 --capacity 5 --priority score --data spurious-digits --rho-train 1 "
    "--spurious-digits 5,6 --n-patches 4 --record 0,10 --stop-at-zero-error --balanced no": (
        TokenChoiceMoE(2, 40, 2, 5, "score"),
        SpuriousPatch(DigitPatches(4, balanced=False), 1.0, digits=(5, 6)),
        SGD(0.2, 20, n_epochs=150, record=(0, 10), stop_at_zero_error=True),
    ),
    "--model dense --data clusters --n-clusters 3 --n-patches 4 --patch-dim 9 --alpha 1,2 "
    "--gamma 0.5,0.5 --noise-std 0.5 --scale 1 --balanced --n-steps 9": (
        DenseCNN(40),
        ClusterSignal(3, 4, 9, (1.0, 2.0), gamma=(0.5, 0.5), noise_std=0.5, scale=1.0,
                      balanced=True),
        SGD(0.2, 20, n_steps=9),
    ),
    "--model sample --n-experts 4 --activation cubic --pooling sum --gate none --noise gaussian "
    "--data patterns --n-patches 4 --init-std 0.1 --normalize-experts --balance-weight 0.1": (
        SampleMoE(4, 40, "cubic", "sum", "none", "gaussian", init_std=0.1),
        PatchPatterns(4, 64, 66),
        SGD(0.2, 20, n_epochs=150, normalize_experts=True, balance_weight=0.1),
    ),
    "--model dense --output-weights gaussian --data digit-tasks --others 7:6,5:4 "
    "--frequencies 0.5,0.25,0.25 --irrelevant-digits 2,3 --n-patches 3 --loss hinge": (
        DenseCNN(40, "gaussian"),
        DigitTasks(DigitPatches(3, irrelevant_digits=(2, 3)), ((7, 6), (5, 4)), (0.5, 0.25, 0.25)),
        SGD(0.2, 20, n_epochs=150, loss="hinge"),
    ),
}  # fmt: skip


@pytest.mark.parametrize("line", CASES)
def test_what_python_gives(line, capsys):
    model, data, sgd = CASES[line]
    said = run_json(capsys, f"train --n-train 30 --n-test 50 --seed 3 {line}")
    held_out = sgd.router_samples == "held_out"
    others = data.sample(30, substream(3, "router samples")) if held_out else None
    test = data.sample(50, 3, split="test")
    made = train(model, data.sample(30, 3), sgd, 3, test=test, router_data=others)
    assert said["test_error"] == made.error(test)
    assert said["train_loss"] == made.history.train_loss[-1]
    assert said["n_steps"] == made.n_steps
    assert said["flops"]["total"] == made.flops.total


def test_sweep(capsys, tmp_path):
    store = tmp_path / "rows.jsonl"
    line = (
        "sweep --model dense joint --n-routed 2 4 --n-experts 2 --data patterns --n-patches 6 8 "
        "--learning-rate-per-patch 0.5 --n-steps 20 --n-train 10 20 --n-draws 2 --n-test 30 "
        f"--quiet --store {store}"
    )
    rows = run_json(capsys, line)["rows"]
    # A dense network has no l, and is trained once for each n.
    assert {(row["arm"], row["n_routed"], row["n_patches"], row["n_train"]) for row in rows} == {
        (arm, n_routed, n, n_train)
        for arm, of in (("dense", [None]), ("joint", [2, 4]))
        for n_routed in of
        for n in (6, 8)
        for n_train in (10, 20)
    }
    labels = {"arm": "joint", "n_routed": 4, "n_patches": 8}
    setting = Setting(
        labels, PatchPatterns(8, 64, 66), JointMoE(2, 40, 4), SGD(2.0, 20, n_steps=20), 20
    )
    alone = Sweep([setting], n_test=30, n_draws=2).run(progress=False).rows
    assert [row for row in rows if {**row, **labels, "n_train": 20} == row] == alone
    kept = store.read_bytes()
    run(line)
    text = capsys.readouterr().out
    assert len(text.splitlines()) == 1 + 12
    assert text.split()[:6] == ["arm", "n_routed", "n_patches", "N", "test", "error"]
    assert store.read_bytes() == kept


def test_rows_of_another_machine_are_mixed_on_request_only(capsys, tmp_path, monkeypatch):
    line = (
        "sweep --model dense --data patterns --n-train 10 --n-test 10 --n-steps 3 --quiet "
        f"--store {tmp_path / 'rows'} --n-draws"
    )
    with monkeypatch.context() as elsewhere:
        here = kept.versions()
        elsewhere.setattr(kept, "versions", lambda: {**here, "machine": "another"})
        run(f"{line} 1")
    run(f"{line} 1")  # finished: read anywhere
    assert main(f"{line} 2".split()) == 2
    assert "mix_versions" in capsys.readouterr().err
    assert len(run_json(capsys, f"{line} 2 --mix-versions")["rows"]) == 2


def test_samples(capsys):
    line = (
        "samples --model dense --data patterns --n-patches 8 --n-irrelevant 32 --n-hidden 8 "
        "--learning-rate 2 --n-steps 200 --n-test 200 --epsilon 0.1 0.2 --n-max 64 --precision 0.5 "
        "--quiet"
    )
    said = run_json(capsys, line)
    sgd = SGD(2.0, 20, n_steps=200)
    setting = Setting({"arm": "dense"}, PatchPatterns(8, 32, 34), DenseCNN(8), sgd, 2)
    study = SampleStudy([setting], (0.1, 0.2), Search(n_max=64, precision=0.5), n_test=200)
    known = study.run(progress=False)
    assert [row["value"] for row in said["rows"]] == [row["value"] for row in known.rows]
    run(line)
    assert len(capsys.readouterr().out.splitlines()) == 3


@pytest.mark.parametrize("model", ["dense", "separate", "joint"])
def test_predict(model, capsys):
    line = f"predict --model {model} --n-patches 16 --n-irrelevant 32 --n-train 10 20"
    if model != "dense":
        line += " --n-experts 2 --n-routed 2"
    said = run_json(capsys, line)
    patterns = PatchPatterns(16, 32, 34)
    network = {
        "dense": DenseCNN(40, init_std=0.01),
        "separate": SeparateMoE(2, 40, 2, init_std=0.01),
        "joint": JointMoE(2, 40, 2),
    }[model]
    sgd = SGD(0.2 * network.patches_per_expert(16), 20, n_steps=20_000, stop_loss=0.03)
    known = (joint_error if model == "joint" else trained_error)(patterns, network, sgd, 10)
    assert said["rows"][0] == {
        "n_train": 10,
        "error": known.error,
        "standard_error": known.standard_error,
        "n_steps": known.n_steps,
    }
    assert said["rows"][1]["error"] < said["rows"][0]["error"]


def test_prune(capsys):
    said = run_json(
        capsys,
        "prune --data patterns --learning-rate-per-patch 0.5 --n-steps 300 --n-train 60 "
        "--n-test 200 --ratio 0.5 --score gate_mass random",
    )
    data, model = PatchPatterns(16, 64, 66), JointMoE(8, 40, 6)
    own, test = data.sample(60, 0), data.sample(200, 0, split="test")
    made = train(model, own, SGD(3.0, 20, n_steps=300), 0)
    for rows, score in ((said["rows"][:2], "gate_mass"), (said["rows"][2:], "random")):
        assert [row["ratio"] for row in rows] == [0.0, 0.5]
        assert [row["n_experts"] for row in rows] == [8, 4]
        assert rows[0]["test_error"] == made.error(test)
        assert rows[1]["test_error"] == prune(made, 0.5, score, data=own).error(test)


def test_prune_counts_the_experts_that_are_left_where_routers_stay(capsys):
    said = run_json(
        capsys,
        "prune --data patterns --model token --n-experts 4 --n-hidden 8 --n-steps 20 --n-train 40 "
        "--n-test 50 --ratio 0.5 --score random",
    )
    assert [row["n_experts"] for row in said["rows"]] == [4, 2]
    assert said["rows"][1]["kilobytes"] < said["rows"][0]["kilobytes"]


def test_save_and_go_on(capsys, tmp_path):
    path = tmp_path / "new folder" / "run"
    line = (
        "train --model joint --n-experts 4 --n-routed 3 --data patterns --n-patches 6 --n-train 40"
    )
    assert main([*line.split(), "--n-test", "100", "--quiet", "--json", "--save", str(path)]) == 0
    said = json.loads(capsys.readouterr().out)
    made = TrainingRun.load(path)
    patterns = PatchPatterns(6, 64, 66)
    test = patterns.sample(100, 0, split="test")
    assert made.model == JointMoE(4, 40, 3)
    assert said["test_error"] == made.error(test)
    line = "prune --data patterns --n-patches 6 --n-train 40 --n-test 100 --score gate_mass --json"
    assert main([*line.split(), "--ratio", "0.5", "--run", str(path)]) == 0
    rows = json.loads(capsys.readouterr().out)["rows"]
    small = prune(made, 0.5, "gate_mass", data=patterns.sample(40, 0))
    assert [row["test_error"] for row in rows] == [made.error(test), small.error(test)]
    assert main([*line.split(), "--run", str(path), "--n-hidden", "8"]) == 2
    assert "--n-hidden does not apply to a network that was trained" in capsys.readouterr().err
    assert main([*line.split(), "--n-patches", "7", "--run", str(path)]) == 2
    assert "(6, 66)" in capsys.readouterr().err


def test_a_bar_is_no_part_of_the_result(capsys, monkeypatch):
    shown = []

    def bar(**options):
        shown.append(options)
        return tqdm(**options)

    monkeypatch.setattr("moe_theory._progress.tqdm", bar)
    quiet = f"{SMALL} --data patterns"
    watched, unwatched = (run_json(capsys, line) for line in (quiet.replace(" --quiet", ""), quiet))
    assert [options["disable"] for options in shown] == [False, True]
    assert shown[0]["total"] == watched["n_steps"]
    assert {**watched, "wall_time": 0} == {**unwatched, "wall_time": 0}


def test_own_images(capsys, tmp_path):
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, size=(60, 3, 2), dtype=np.uint8)
    path = tmp_path / "own.npz"
    np.savez(path, images=images, labels=np.arange(60) % 10)
    said = run_json(capsys, f"{SMALL} --digits {path} --n-patches 4")
    assert said["data"]["pools"]["image_shape"] == [3, 2]
    assert said["data"]["n_patches"] == 4
