"""Speed of a step against PyTorch and JAX, on the same work in one run.

Every contender trains the same networks on the same batches in float32 with two threads, and
must be at the same weights after 100 steps. Times are the best of several, since other load only
adds; compile time is apart. Writes against.csv, against.md and against.png beside this file.
"""

import argparse
import csv
import os
import time
from functools import partial
from pathlib import Path

N_THREADS = 2
os.environ.setdefault("OMP_NUM_THREADS", str(N_THREADS))
os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=true"
os.environ["JAX_PLATFORMS"] = "cpu"
if hasattr(os, "sched_setaffinity"):
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:N_THREADS])

import in_jax  # noqa: E402
import in_torch  # noqa: E402
import numpy as np  # noqa: E402
import ours  # noqa: E402
import work as works  # noqa: E402
from matplotlib.figure import Figure  # noqa: E402
from peak import peak_flops  # noqa: E402
from tqdm import tqdm  # noqa: E402

from moe_theory import train_many  # noqa: E402

HERE = Path(__file__).parent
DIMS = (32, 100, 784)
KINDS = ("dense", "separate", "joint")
N_SEEDS = 16


def best(function, repeats, seconds=1.0):
    """Return the least time of at least ``repeats`` calls, and more while they are short."""
    times = []
    while len(times) < repeats or sum(times) < seconds:
        started = time.perf_counter()
        function()
        times.append(time.perf_counter() - started)
    return min(times)


def measure(kind, d, n_steps, repeats, compiled):
    """Return one row per contender; PyTorch, being slow, trains fewer seeds and steps."""
    work = works.make(kind, n_steps=n_steps, n_seeds=N_SEEDS, d=d)
    short = works.make(kind, n_steps=100, n_seeds=2, d=d)
    preparations = {
        "raw engine": (work, lambda own: (ours.prepare(own, "raw"), compiled["raw"])),
        "pattern engine": (work, lambda own: (ours.prepare(own, "pattern"), compiled["pattern"])),
        "JAX scan + vmap": (work, in_jax.prepare),
        "PyTorch eager": (short, lambda own: (partial(in_torch.eager, own), 0.0)),
    }
    if kind == "dense":
        manual = (short, lambda own: (partial(in_torch.manual_dense, own), 0.0))
        preparations["PyTorch manual gradient"] = manual
    reference = ours.prepare(short, "raw")()
    operations = (
        sum(run.flops.experts for run in train_many(work.model, work.data, work.sgd, [0])) / n_steps
    )
    rows = []
    for name, (own, prepare) in preparations.items():
        # Single precision, the same 100 batches: only rounding may differ, which now and then
        # flips a unit or a choice of patches. (After thousands, joint training amplifies it.)
        difference = float(np.abs(prepare(short)[0]() - reference).max())
        assert difference < 2e-3 * np.abs(reference).max(), (kind, d, name, difference)
        function, compile_seconds = prepare(own)
        seconds = best(function, repeats)
        rows.append({
            "network": kind, "d": d, "contender": name,
            "microseconds": 1e6 * seconds / own.rows[:, :, 0].size,
            "compile_seconds": compile_seconds, "operations": operations,
            "largest_difference": difference,
        })  # fmt: skip
    return rows


def with_ratios(rows, peak):
    """Add to each row how many times the raw and pattern engines are faster than it."""
    for row in rows:
        same = {
            r["contender"]: r for r in rows if (r["network"], r["d"]) == (row["network"], row["d"])
        }
        for engine in ("raw engine", "pattern engine"):
            row[f"over_{engine.split()[0]}"] = row["microseconds"] / same[engine]["microseconds"]
        row["fraction_of_peak"] = row["operations"] / (1e-6 * row["microseconds"]) / peak
    return rows


def markdown(rows, peak):
    lines = [
        f"Largest rate of single-precision multiply-adds measured, {N_THREADS} threads: "
        f"{peak / 1e9:.0f} Gflop/s. Compilation of our kernels is cached on disk: the time is that "
        "of the first run after installation.",
        "",
        "| network | d | contender | µs per step and seed | raw engine faster by "
        "| pattern engine faster by | share of peak | compile s |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for r in rows:
        lines.append(
            f"| {r['network']} | {r['d']} | {r['contender']} | {r['microseconds']:.2f} "
            f"| {r['over_raw']:.1f} | {r['over_pattern']:.0f} "
            f"| {100 * r['fraction_of_peak']:.0f} % | {r['compile_seconds']:.1f} |"
        )
    return "\n".join(lines) + "\n"


def draw(rows, peak):
    figure = Figure(figsize=(13, 4), layout="constrained")
    for ax, kind in zip(figure.subplots(1, 3, sharey=True), KINDS, strict=True):
        own = [r for r in rows if r["network"] == kind]
        for name in dict.fromkeys(r["contender"] for r in own):
            curve = [r for r in own if r["contender"] == name]
            ax.plot([r["d"] for r in curve], [r["microseconds"] for r in curve], "o-", label=name)
        limit = [r for r in own if r["contender"] == "raw engine"]
        ax.plot(
            [r["d"] for r in limit], [1e6 * r["operations"] / peak for r in limit],
            "k:", label="operations in $\\mathbb{R}^d$ / measured peak",
        )  # fmt: skip
        ax.set(xscale="log", yscale="log", xlabel="patch dimension $d$", title=kind)
        ax.set_xticks(DIMS, labels=map(str, DIMS))
        ax.minorticks_off()
        ax.grid(alpha=0.3)
    figure.axes[0].set_ylabel("time per step and seed, µs")
    figure.legend(*figure.axes[0].get_legend_handles_labels(), loc="outside right", fontsize=8)
    figure.suptitle(
        f"$B$ = 20, $n$ = 16, $m$ = 40, float32, {N_THREADS} threads, {N_SEEDS} seeds", fontsize=10
    )
    return figure


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    peak = peak_flops(N_THREADS)
    cases = [(kind, d) for kind in KINDS for d in DIMS]
    rows = []
    compiled = {
        kind: {engine: ours.compile_seconds(kind, engine) for engine in ("raw", "pattern")}
        for kind in tqdm(KINDS, desc="compile")
    }
    for kind, d in tqdm(cases):
        rows += measure(kind, d, 2000 if d < 784 else 500, options.repeats, compiled[kind])
    # Other load only lowers it.
    peak = max(peak, peak_flops(N_THREADS))
    with_ratios(rows, peak)
    with (HERE / "against.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    (HERE / "against.md").write_text(markdown(rows, peak))
    draw(rows, peak).savefig(HERE / "against.png", dpi=130)
    print(markdown(rows, peak))


if __name__ == "__main__":
    main()
