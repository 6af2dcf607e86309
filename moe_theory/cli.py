"""The command line: `moe-theory`, or `python -m moe_theory`."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from moe_theory import __version__
from moe_theory.data import DigitPatches, PatchPatterns, pack_idx
from moe_theory.experiments.scripts import SCALES, draw_figure, run_simulation
from moe_theory.experiments.tables import Comparison
from moe_theory.experiments.verify import compare_folders, other_versions, verify_figures
from moe_theory.models import DenseCNN, JointMoE, Model, SeparateMoE
from moe_theory.theory import complexity_table, cost_table, savings_table, write_tables
from moe_theory.theory.advice import advise
from moe_theory.theory.advice.tabulate import tabulate
from moe_theory.training import SGD, DivergenceError, compile_kernels, train


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status; bad input is told in one line.

    Examples
    --------
    >>> main(["train", "--n-routed", "99"])
    2
    """
    options = _parser().parse_args(arguments)
    try:
        status: int | None = options.run(options)
    except (ValueError, DivergenceError) as error:
        print(f"moe-theory: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("moe-theory: stopped; the same command goes on from here", file=sys.stderr)
        return 130
    return status or 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="moe-theory", description=__doc__)
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    run = commands.add_parser("run", help="run simulation files, or what is missing of them")
    run.add_argument("files", nargs="+", metavar="FILE", help="such as simulations/*.py")
    run.set_defaults(run=_run)
    draw = commands.add_parser("draw", help="draw figure files, running what they need")
    draw.add_argument("files", nargs="+", metavar="FILE", help="such as figures/*.py")
    draw.set_defaults(run=_draw)
    check = commands.add_parser(
        "verify", help="compute tables anew, compare them with the committed ones"
    )
    check.add_argument("files", nargs="+", metavar="FILE", help="such as figures/*.py")
    check.add_argument("--scale", choices=SCALES, default="quick")
    check.add_argument(
        "--out", default="results/verify", help="folder of what is computed (default %(default)s)"
    )
    check.add_argument("--committed", help="folder to compare with (default: beside the file)")
    check.set_defaults(run=_verify)
    for command in (run, draw):
        command.add_argument("--scale", choices=SCALES, default="quick")
        command.add_argument("--store", default="results", help="folder of the raw results")

    draw.add_argument("--out", help="folder of pictures and tables (default: beside the file)")

    tables = commands.add_parser("theory", help="write the complexity, savings and cost tables")
    tables.add_argument("--out", default="figures/theory", help="folder (default %(default)s)")
    tables.set_defaults(run=_theory)

    which = commands.add_parser("advise", help="say which network, l and k take least to reach ε")
    which.add_argument("--n-patches", type=int, default=64, help="n (default %(default)s)")
    which.add_argument("--n-irrelevant", type=int, default=256, help="p (default %(default)s)")
    which.add_argument("--epsilon", type=float, default=0.05, help="ε (default %(default)s)")
    which.add_argument("--minimise", choices=("samples", "flops"), default="samples")
    which.set_defaults(run=_advise)

    table = commands.add_parser(
        "tabulate", help="predict what `advise` interpolates (half an hour)"
    )
    table.add_argument("file", help="csv file; if it exists, what it lacks is added")
    table.set_defaults(run=_tabulate)

    ahead = commands.add_parser("compile", help="compile all kernels, so that no run has to wait")
    ahead.set_defaults(run=_compile)

    pack = commands.add_parser("pack-digits", help="pack IDX files, such as MNIST's, into an npz")
    for name in ("images", "labels", "test_images", "test_labels"):
        pack.add_argument(name, help="IDX file, gzipped or not")
    pack.add_argument("npz", help="file to write, for --digits and MOE_THEORY_DIGITS")
    pack.set_defaults(run=_pack)

    one = commands.add_parser("train", help="train one network on digits and say how it did")
    one.add_argument("--model", choices=("dense", "separate", "joint"), default="separate")
    one.add_argument("--n-train", type=int, default=300, help="N (default %(default)s)")
    one.add_argument("--n-hidden", type=int, default=40, help="m (default %(default)s)")
    one.add_argument("--n-experts", type=int, default=2, help="k (default %(default)s)")
    one.add_argument("--n-routed", type=int, default=2, help="l (default %(default)s)")
    one.add_argument("--learning-rate", type=float, default=0.2, help="η (default %(default)s)")
    one.add_argument("--batch-size", type=int, default=20, help="B (default %(default)s)")
    one.add_argument("--n-epochs", type=int, default=150, help="(default %(default)s)")
    one.add_argument("--seed", type=int, default=0)
    one.add_argument("--digits", help="npz file with arrays images and labels (default: bundled)")
    one.set_defaults(run=_train)
    return parser


def _run(options: argparse.Namespace) -> None:
    for file in options.files:
        print(file, file=sys.stderr)
        results = run_simulation(file, options.scale, store=options.store)
        print(f"{file}: {len(results.rows)} rows in {options.store}/{options.scale}")


def _draw(options: argparse.Namespace) -> None:
    for file in options.files:
        print(file, file=sys.stderr)
        picture = draw_figure(file, options.scale, store=options.store, out=options.out)
        print(os.path.relpath(picture))


def _verify(options: argparse.Namespace) -> int:
    n_tables, failed = 0, []
    for found in _comparisons(options):
        print(found, flush=True)
        n_tables += ", configuration" not in found.name
        failed += [found.name] if found.verdict == "differs" else []
    print(f"{n_tables} tables; pictures and tables computed are in {options.out}/{options.scale}")
    if failed:
        for other in other_versions(options.files, options.scale, options.committed):
            print(f"committed tables were made with {other}", file=sys.stderr)
        print(f"moe-theory: {len(failed)} differ: {'; '.join(failed)}", file=sys.stderr)
    return int(bool(failed))


def _comparisons(options: argparse.Namespace) -> Iterator[Comparison]:
    where = {"out": options.out, "committed": options.committed}
    yield from verify_figures(options.files, options.scale, **where)
    for parent in dict.fromkeys(options.committed or Path(file).parent for file in options.files):
        if (folder := Path(parent) / "theory").is_dir():
            write_tables(Path(options.out) / "theory")
            yield from compare_folders(folder, Path(options.out) / "theory")


def _theory(options: argparse.Namespace) -> None:
    for table in (complexity_table(), savings_table(), cost_table()):
        print(table, end="\n\n")
    for path in write_tables(options.out):
        print(os.path.relpath(path))


def _advise(options: argparse.Namespace) -> None:
    p = options.n_irrelevant
    patterns = PatchPatterns(n_patches=options.n_patches, n_irrelevant=p, patch_dim=p + 2)
    print(advise(patterns, options.epsilon, options.minimise))


def _tabulate(options: argparse.Namespace) -> None:
    print(f"{tabulate(options.file)} networks predicted in {options.file}")


def _compile(options: argparse.Namespace) -> None:
    print("compiling kernels, once (two minutes)", file=sys.stderr)
    compile_kernels()


def _pack(options: argparse.Namespace) -> None:
    names = ("images", "labels", "test_images", "test_labels", "npz")
    print(pack_idx(*(getattr(options, name) for name in names)))


def _train(options: argparse.Namespace) -> None:
    model: Model = DenseCNN(options.n_hidden)
    if options.model != "dense":
        kind = SeparateMoE if options.model == "separate" else JointMoE
        model = kind(options.n_experts, options.n_hidden, options.n_routed)
    data = DigitPatches.from_npz(options.digits) if options.digits else DigitPatches()
    sgd = SGD(options.learning_rate, options.batch_size, n_epochs=options.n_epochs)
    test = data.sample(1000, options.seed, split="test")
    run = train(model, data.sample(options.n_train, options.seed), sgd, options.seed, test=test)
    error = run.error(test)
    spread = (error * (1 - error) / test.n_samples) ** 0.5
    print(model)
    print(f"test error      {error:.4f} ± {spread:.4f} (binomial, {test.n_samples} inputs)")
    print(f"training error  {run.history.train_error[-1]:.4f}")
    print(f"steps           {run.n_steps}, zero training error at {run.steps_to_zero_error}")
    print(f"operations      {run.flops.total:.3e}, of which routers {run.flops.routers:.1e}")
    print(f"time            {run.wall_time:.2f} s")
    if options.model != "dense":
        success = ", ".join(f"{value:.3f}" for value in run.routing(test).success)
        print(f"P(patch in top l) per expert: {success}")
