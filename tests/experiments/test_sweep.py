import concurrent.futures
import functools
import json
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import joblib
import numpy as np
import pytest
from numpy.random import SeedSequence
from tiny_sweep import tiny_sweep

from moe_theory import SGD, DenseCNN, PatchPatterns, SeparateMoE, Setting, Sweep, train
from moe_theory._random import substream
from moe_theory.experiments import DivergenceWarning, StoreError, measurements, schedule

DATA = PatchPatterns(n_patches=4, n_irrelevant=8, patch_dim=10)
STEPS = SGD(1.0, batch_size=10, n_steps=20)
TINY = Path(__file__).parents[1] / "tiny_sweep.py"


@functools.cache
def expected(n_draws):
    return tiny_sweep(n_draws).run(progress=False, n_workers=1).rows


def test_a_row_is_one_training():
    setting = Setting({"arm": "dense"}, DATA, DenseCNN(4), STEPS, 12)
    rows = Sweep([setting], n_test=30, n_draws=3, seed=5).run(progress=False).rows
    for draw, row in enumerate(rows):
        seed = SeedSequence(5, spawn_key=(draw, 12))
        test = DATA.sample(30, seed, split="test")
        run = train(setting.model, DATA.sample(12, seed), STEPS, seed, test=test)
        assert row["test_error"] == run.error(test)
        assert row["test_accuracy"] == 1 - run.error(test)
        assert row["train_loss"] == run.history.train_loss[-1]
        assert (row["draw"], row["diverged"], row["router_success"]) == (draw, False, None)


def test_more_rows_than_memory_holds_are_refused_at_once():
    setting = Setting({}, DATA, DenseCNN(4), STEPS, 12)
    with pytest.raises(ValueError, match=r"n_draws must be such that the table fits .* 1000000000"):
        Sweep([setting], n_draws=10**9)


def test_measurements_want_test_samples():
    data = DATA.sample(20, 0)
    with pytest.raises(ValueError, match="run must be a training with test samples"):
        measurements(train(DenseCNN(4), data, STEPS, 0), data, data)


def test_held_out_routers_and_groups():
    sgd = SGD(1.0, 10, n_steps=20, router_samples="held_out")
    model = SeparateMoE(2, 4, 2)
    setting = Setting({}, DATA, model, sgd, 12, n_router=30, group="other")
    row = Sweep([setting], n_test=30, n_draws=1).run(progress=False).rows[0]
    seed = substream(SeedSequence(0, spawn_key=(0, 12)), "other")
    others = DATA.sample(30, substream(seed, "router samples"))
    run = train(model, DATA.sample(12, seed), sgd, seed, router_data=others)
    assert row["train_loss"] == run.history.train_loss[-1]
    own = {name: getattr(setting, name) for name in ("labels", "data", "model", "sgd", "n_train")}
    assert Sweep([Setting(**own)], n_test=30, n_draws=1).run(progress=False).rows[0] != row


def test_rows_do_not_depend_on_the_other_settings():
    whole = tiny_sweep(2)
    some = Sweep(whole.settings[::-3], n_test=20, n_draws=2).run(progress=False)
    assert all(row in expected(2) for row in some.rows)
    assert len(some.rows) == 2 * len(whole.settings[::-3])


@pytest.mark.parametrize("n_workers", [1, 2, 4, 10**9])
@pytest.mark.parametrize("batch_size", [None, 1, 7, 1000])
def test_workers_and_batches_leave_no_trace(n_workers, batch_size):
    rows = tiny_sweep(4).run(progress=False, n_workers=n_workers, batch_size=batch_size).rows
    assert rows == expected(4)


def test_backends_without_generators_leave_no_trace(monkeypatch):
    class Plain:
        supports_return_generator = False

    monkeypatch.setattr(schedule, "get_active_backend", lambda prefer=None: (Plain, None))
    assert tiny_sweep(4).run(progress=False, n_workers=2, batch_size=3).rows == expected(4)


def test_all_cores_unless_told_otherwise():
    threads = set()
    barrier = threading.Barrier(joblib.cpu_count(), timeout=60)

    def measure(run, test, train):
        barrier.wait()  # passes only if as many trainings as cores are under way
        threads.add(threading.get_ident())
        return {}

    whole = tiny_sweep(joblib.cpu_count())
    sweep = replace(whole, settings=whole.settings[:1], measure=measure)
    sweep.run(progress=False, batch_size=1)
    assert len(threads) == joblib.cpu_count()


def test_batches_hold_every_job_once():
    jobs = [(setting, draw) for setting in tiny_sweep().settings for draw in range(9)]
    costs = [setting.cost for setting in tiny_sweep().settings]
    for batch_size in (None, 1, 7, 1000):
        made = schedule.batches(jobs, 2, batch_size)
        flat = [job for batch in made for job in batch]
        assert sorted(flat) == [(i, draw) for i in range(len(costs)) for draw in range(9)]
        assert (np.diff([costs[i] for i, _ in flat]) <= 0).all()
        assert max(map(len, made)) <= (batch_size or schedule.MAX_BATCH_RUNS)


@pytest.mark.filterwarnings("ignore::DeprecationWarning:distributed", "ignore::ResourceWarning")
def test_a_cluster_leaves_no_trace(tmp_path):
    distributed = pytest.importorskip("dask.distributed")
    cluster = distributed.LocalCluster(
        processes=True, n_workers=2, threads_per_worker=1, dashboard_address=None
    )
    with cluster, distributed.Client(cluster), joblib.parallel_config(backend="dask"):
        rows = tiny_sweep(10).run(tmp_path / "rows.jsonl", progress=False).rows
    assert rows == expected(10)


class Losing:
    """Runs some tasks, then has lost what the others need, as often as ``n_lost`` says."""

    n_lost, n_done, plans = 0, 2, []

    def __init__(self, **_):
        pass

    def __call__(self, tasks):
        tasks = list(tasks)
        self.plans.append(tasks[0][1][0])
        for done, (function, arguments, _) in enumerate(tasks):
            if done == self.n_done and len(self.plans) <= self.n_lost:
                raise concurrent.futures.CancelledError("batch cancelled")
            yield function(*arguments)


@pytest.mark.parametrize("n_lost", [1, 3, 10])
def test_a_plan_that_is_lost_is_sent_anew(monkeypatch, n_lost):
    wanted = expected(4)
    monkeypatch.setattr(schedule.joblib, "Parallel", Losing)
    monkeypatch.setattr(Losing, "n_lost", n_lost)
    monkeypatch.setattr(Losing, "plans", [])
    assert tiny_sweep(4).run(progress=False, batch_size=2).rows == wanted
    assert len({id(plan) for plan in Losing.plans}) == n_lost + 1


def test_a_cluster_that_does_nothing_but_lose_is_given_up(monkeypatch):
    monkeypatch.setattr(schedule.joblib, "Parallel", Losing)
    monkeypatch.setattr(Losing, "n_lost", 100)
    monkeypatch.setattr(Losing, "n_done", 0)
    monkeypatch.setattr(Losing, "plans", [])
    with pytest.raises(concurrent.futures.CancelledError):
        tiny_sweep(1).run(progress=False)
    assert len(Losing.plans) == schedule.MAX_LOST + 1


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning:distributed", "ignore::ResourceWarning")
def test_all_workers_lost_at_once(tmp_path):
    distributed = pytest.importorskip("dask.distributed")
    steps = SGD(1.0, batch_size=10, n_steps=30_000)
    settings = [Setting({"i": i}, DATA, DenseCNN(8 + i), steps, 20) for i in range(3)]
    sweep = Sweep(settings, n_test=20, n_draws=20)
    path = tmp_path / "rows.jsonl"
    cluster = distributed.LocalCluster(
        processes=True, n_workers=2, threads_per_worker=1, dashboard_address=None
    )

    def kill():
        while not path.exists() or not path.stat().st_size:
            time.sleep(0.01)
        for worker in cluster.workers.values():
            os.kill(worker.process.pid, signal.SIGKILL)

    with cluster, distributed.Client(cluster), joblib.parallel_config(backend="dask"):
        killer = threading.Thread(target=kill)
        killer.start()
        rows = sweep.run(path, progress=False, batch_size=1).rows
        killer.join()
    assert rows == sweep.run(progress=False).rows


def test_killed_five_times(tmp_path):
    """Kills come at random numbers of rows written, so also within batches and writes."""
    path = tmp_path / "rows.jsonl"
    rng = np.random.default_rng(int(time.time()))  # any moment must do
    sizes = []
    for until in sorted(rng.integers(1, 1900, size=5)):
        with subprocess.Popen([sys.executable, str(TINY), str(path)]) as process:
            while not path.exists() or path.read_bytes().count(b"\n") < until:
                assert process.poll() is None
                time.sleep(0.003)
            process.kill()
        assert process.returncode < 0
        sizes.append(path.read_bytes().count(b"\n"))
    n_rows = len(tiny_sweep().settings) * 100
    assert n_rows == 2000
    assert all(until < n_rows for until in sizes)
    assert tiny_sweep().run(path, progress=False).rows == expected(100)
    assert path.read_bytes().count(b"\n") == n_rows


def test_a_finished_store_trains_nothing_and_takes_more_draws(tmp_path, monkeypatch):
    path = tmp_path / "rows.jsonl"
    tiny_sweep(2).run(path, progress=False)
    before = path.read_bytes()
    with monkeypatch.context() as patch:
        patch.setattr("moe_theory.experiments.trial.train", None)
        assert tiny_sweep(2).run(path, progress=False).rows == expected(2)
        assert len(tiny_sweep(1).run(path, progress=False).rows) == len(expected(2)) / 2
    assert path.read_bytes() == before
    assert tiny_sweep(4).run(path, progress=False).rows == expected(4)
    assert path.read_bytes().startswith(before)
    with pytest.raises(StoreError, match=r"another configuration \(seed: 0 there, 1 here"):
        tiny_sweep(2, seed=1).run(path, progress=False)


def test_two_runs_on_one_store(tmp_path):
    path = tmp_path / "rows.jsonl"
    with subprocess.Popen([sys.executable, str(TINY), str(path)]) as process:
        while not path.exists() or path.read_bytes().count(b"\n") < 2:
            time.sleep(0.003)
        with pytest.raises(StoreError, match="in use by another run"):
            tiny_sweep().run(path, progress=False)
        process.kill()
    assert tiny_sweep(2).run(path, progress=False).rows == expected(2)


def router_norm(run, test, train):
    extra = {"norm": run.router_norm, "sizes": (train.n_samples, test.n_samples), "none": np.nan}
    return {**measurements(run, test, train), **extra}


def test_own_measurements(tmp_path):
    setting = Setting({"l": 2}, DATA, SeparateMoE(2, 4, 2), STEPS, 12)
    sweep = Sweep([setting], n_test=30, n_draws=2, measure=router_norm)
    path = tmp_path / "rows.jsonl"
    results = sweep.run(path, progress=False)
    row = results.rows[0]
    assert len(row["norm"]) == 2
    assert (row["sizes"], row["none"]) == ([12, 30], None)
    assert results.config["experiment"]["measure"]["function"] == "router_norm"
    assert json.loads(json.dumps(results.config)) == results.config
    assert "norm" not in results.to_csv().splitlines()[0].split(",")
    with pytest.raises(StoreError, match=r"\(measure\.function: 'router_norm' there"):
        Sweep([setting], n_test=30, n_draws=2).run(path, progress=False)


def test_a_measurement_may_not_hide_a_label():
    setting = Setting({"test_error": 2}, DATA, DenseCNN(4), STEPS, 12)
    with pytest.raises(ValueError, match=r"measured columns .* got \['test_error'\]"):
        Sweep([setting], n_test=30, n_draws=1).run(progress=False)


def test_divergence_is_reported():
    settings = [
        Setting({"rate": rate}, DATA, DenseCNN(400), SGD(rate, 10, n_steps=20), 12)
        for rate in (1.0, 1e38)  # the outputs of so many units leave single precision
    ]
    with pytest.warns(DivergenceWarning, match="3 of 6 trainings diverged"):
        results = Sweep(settings, n_test=30, n_draws=3).run(progress=False)
    assert results.column("diverged").tolist() == [False] * 3 + [True] * 3
    assert results.n_diverged == 3
    assert np.isnan(results.mean_std("test_error")[0])
    assert np.isnan(results.select(rate=1e38).column("test_error")).all()
    assert results.converged().mean_std("test_error") == results.mean_std("test_error", rate=1.0)


def test_results():
    results = tiny_sweep(2).run(progress=False)
    assert results.unique("arm") == ["dense", "separate", "joint"]
    assert np.isnan(results.select(arm="dense").column("router_success")).all()
    assert results.setting(arm="joint", n_routed=3)["model"]["n_routed"] == 3
    assert results.to_csv().count("\n") == len(results.rows) + 1
    with pytest.raises(ValueError, match="column must be one of"):
        results.column("accuracy")
    with pytest.raises(ValueError, match="arm must be one of 'dense', 'separate', 'joint'"):
        results.setting(arm="other")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"settings": ()}, "settings must be at least one"),
        ({"n_test": 1}, "n_test must be an integer >= 2; got 1"),
        ({"n_draws": 0}, "n_draws must be an integer >= 1; got 0"),
        ({"seed": -1}, "seed must be an integer >= 0"),
        ({"measure": 3}, "measure must be a callable"),
        ({"settings": tiny_sweep().settings[:1] * 2}, "told apart by their labels"),
    ],
)
def test_bad_sweeps(changes, message):
    with pytest.raises(ValueError, match=message):
        Sweep(**{"settings": tiny_sweep().settings} | changes)
