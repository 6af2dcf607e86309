"""The commands that train nothing: `predict`, `advise`, `theory` and `tabulate`."""

from __future__ import annotations

import argparse
import json
import os
from dataclasses import asdict
from typing import Any

from moe_theory.cli.console import aligned, without_nan
from moe_theory.cli.specs import Specs

# What the predictions are stated for, see docs/theory/trained.md.
USUAL = {
    "n_patches": 64, "n_irrelevant": 256, "n_hidden": 40, "n_experts": 8, "n_routed": 8,
    "n_steps": 20_000, "batch_size": 20, "stop_loss": 0.03,
}  # fmt: skip
# Predictions are of networks that start small.
SPECS = Specs(("patterns",), ("dense", "separate", "joint"), USUAL, rate_per_patch=0.2,
              instead={"init_std": 0.01})  # fmt: skip
ADVISED = Specs(("patterns",), (), USUAL)


def add_predict(own: argparse.ArgumentParser) -> None:
    """Add the arguments of `predict`."""
    own.add_argument(
        "--n-train", type=int, nargs="+", default=[100], metavar="N", help="N (default 100)"
    )
    own.add_argument("--json", action="store_true", help="print JSON instead of a table")
    SPECS.add_to(own)
    own.set_defaults(run=_predict)


def add_advise(own: argparse.ArgumentParser) -> None:
    """Add the arguments of `advise`."""
    own.description = (
        "Rank networks, l and k by the samples or operations that they need to reach ε. What the "
        "table of predictions does not hold is predicted: in half a minute at n = 32, in minutes "
        "at n = 128."
    )
    own.add_argument("--epsilon", type=float, default=0.05, help="ε (default %(default)s)")
    own.add_argument("--minimise", choices=("samples", "flops"), default="samples")
    own.add_argument(
        "--n-workers", type=int, metavar="N", help="processes that predict (default: all cores)"
    )
    own.add_argument("--json", action="store_true", help="print JSON instead of a table")
    own.add_argument("--quiet", action="store_true", help="show no progress bar")
    ADVISED.add_to(own)
    own.set_defaults(run=_advise)


def add_theory(own: argparse.ArgumentParser) -> None:
    """Add the arguments of `theory`."""
    own.add_argument("--out", default="figures/theory", help="folder (default %(default)s)")
    own.set_defaults(run=_theory)


def add_tabulate(own: argparse.ArgumentParser) -> None:
    """Add the arguments of `tabulate`."""
    own.add_argument("file", help="csv file; if it exists, what it lacks is added")
    own.set_defaults(run=_tabulate, resumes=True)


def _predict(options: argparse.Namespace) -> None:
    from moe_theory.experiments.describe import describe
    from moe_theory.models import JointMoE
    from moe_theory.predictions import joint_error, trained_error

    made = SPECS.words(options).one()
    error_of: Any = joint_error if isinstance(made.model, JointMoE) else trained_error
    rows = []
    for n_train in options.n_train:
        found = error_of(made.data, made.model, made.sgd, n_train)
        rows.append(
            {
                "n_train": n_train,
                "error": found.error,
                "standard_error": found.standard_error,
                "n_steps": found.n_steps,
            }
        )
    if options.json:
        parts = {name: describe(getattr(made, name)) for name in ("data", "model", "sgd")}
        print(json.dumps(without_nan({**parts, "rows": rows}), indent=1))
        return
    print(made.model)
    table = [["N", "predicted test error", "steps"]]
    for row in rows:
        error = f"{row['error']:.4f} ± {row['standard_error']:.4f}"
        table.append([str(row["n_train"]), error, f"{row['n_steps']:.0f}"])
    print(aligned(table))


def _advise(options: argparse.Namespace) -> None:
    from moe_theory.advice import advise

    patterns = ADVISED.words(options).law()
    found = advise(
        patterns,
        options.epsilon,
        options.minimise,
        n_workers=options.n_workers,
        progress=not options.quiet,
    )
    if options.json:
        print(json.dumps(without_nan(asdict(found)), indent=1))
        return
    print(found)


def _theory(options: argparse.Namespace) -> None:
    from moe_theory.bounds import TABLES, write_tables

    for table in (make() for make in TABLES.values()):
        print(table, end="\n\n")
    for path in write_tables(options.out):
        print(os.path.relpath(path))


def _tabulate(options: argparse.Namespace) -> None:
    from moe_theory.advice.tabulate import tabulate

    print(f"{tabulate(options.file)} networks predicted in {options.file}")


ARGUMENTS = {
    "predict": add_predict,
    "advise": add_advise,
    "theory": add_theory,
    "tabulate": add_tabulate,
}
