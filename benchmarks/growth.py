"""Growth of both engines' time with every size, and of time and memory with replicas.

One size varies at a time around (B, n, m, d, k, P) = (20, 16, 40, 100, 8, 66) for the dense and the
joint network; times are the best of three, two threads. Writes growth.csv and growth.png beside
this file.
"""

import csv
import os
import resource
import subprocess
import sys
import time
from pathlib import Path

N_THREADS = 2
if hasattr(os, "sched_setaffinity"):
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:N_THREADS])

import numpy as np  # noqa: E402
import ours  # noqa: E402
import work as works  # noqa: E402
from matplotlib.figure import Figure  # noqa: E402
from tqdm import tqdm  # noqa: E402

from moe_theory import SGD, DenseCNN, PatchPatterns, train_many  # noqa: E402

HERE = Path(__file__).parent
SIZES = {
    "n": (8, 16, 32, 64, 128),
    "d": (70, 140, 280, 560, 1120),
    "m": (8, 40, 80, 160, 320),
    "k": (1, 2, 4, 8, 20),
    "p": (16, 32, 64, 128, 256, 512),
}
REPLICAS = (100, 1000, 10000)
STEPS = 500


def microseconds(kind, engine, **sizes):
    """Return the least time per step and seed of three trainings of four seeds."""
    if sizes.get("p", 0) > 90:
        sizes["d"] = sizes["p"] + 2
    work = works.make(kind, n_steps=STEPS, n_seeds=4, **sizes)
    run = ours.prepare(work, engine)
    times = []
    for _ in range(3):
        started = time.perf_counter()
        run()
        times.append(time.perf_counter() - started)
    return 1e6 * min(times) / (STEPS * 4)


def replicas(count):
    """Train dense replicas of 2,000 steps; return seconds and peak memory in MiB."""
    patterns = PatchPatterns(n_patches=16, n_irrelevant=64, patch_dim=66)
    sgd = SGD(1.0, 20, n_steps=2000)
    started = time.perf_counter()
    losses = train_many(
        DenseCNN(40), patterns, sgd, range(count), n_train=100,
        reduce=lambda run: run.history.train_loss[-1], n_workers=N_THREADS,
    )  # fmt: skip
    assert np.isfinite(losses).all()
    seconds = time.perf_counter() - started
    return seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def draw(rows):
    figure = Figure(figsize=(15, 3.6), layout="constrained")
    axes = figure.subplots(1, len(SIZES) + 1)
    for ax, size in zip(axes, SIZES, strict=False):
        for kind in ("dense", "joint"):
            for engine, style in (("raw", "o-"), ("pattern", "s--")):
                own = [
                    r
                    for r in rows
                    if (r["size"], r["network"], r["engine"]) == (size, kind, engine)
                ]
                colour = "C0" if kind == "dense" else "C2"
                ax.plot(
                    [r["value"] for r in own], [r["microseconds"] for r in own], style,
                    color=colour, label=f"{kind}, {engine}", markersize=4,
                )  # fmt: skip
        name = "$p$ (with $d$ ≥ $p$ + 2)" if size == "p" else f"${size}$"
        ax.set(xscale="log", yscale="log", xlabel=name)
        ax.set_xticks(SIZES[size], labels=map(str, SIZES[size]))
        ax.minorticks_off()
        ax.grid(alpha=0.3)
    axes[0].set_ylabel("time per step and seed, µs")
    axes[1].legend(fontsize=7)
    own = [r for r in rows if r["size"] == "replicas"]
    counts = [r["value"] for r in own]
    axes[-1].plot(counts, [r["seconds"] for r in own], "o-", color="C3", label="seconds")
    axes[-1].plot(counts, [r["mebibytes"] for r in own], "s--", color="C4", label="peak MiB")
    axes[-1].set(xscale="log", yscale="log", xlabel="replicas of 2,000 dense steps")
    axes[-1].legend(fontsize=7)
    axes[-1].grid(alpha=0.3)
    figure.suptitle("float32, two threads; k varies for joint networks only", fontsize=10)
    return figure


def main():
    rows = []
    for size, values in tqdm(list(SIZES.items())):
        for kind in ("joint",) if size == "k" else ("dense", "joint"):
            for engine in ("raw", "pattern"):
                for value in values:
                    row = {"size": size, "value": value, "network": kind, "engine": engine}
                    spent = microseconds(kind, engine, **{size: value})
                    rows.append(row | {"microseconds": spent, "seconds": None, "mebibytes": None})
    for count in tqdm(REPLICAS):
        # A process of its own, so that the peak memory is that of this count.
        said = subprocess.run(
            [sys.executable, __file__, str(count)], capture_output=True, text=True, check=True
        ).stdout
        seconds, mebibytes = map(float, said.split())
        rows.append({
            "size": "replicas", "value": count, "network": "dense", "engine": "pattern",
            "microseconds": 1e6 * seconds / (2000 * count), "seconds": seconds,
            "mebibytes": mebibytes,
        })  # fmt: skip
    with (HERE / "growth.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    draw(rows).savefig(HERE / "growth.png", dpi=110)


if __name__ == "__main__":
    if len(sys.argv) == 2:
        print(*replicas(int(sys.argv[1])))
    else:
        main()
