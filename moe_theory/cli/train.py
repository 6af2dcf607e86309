"""The commands that train one network: `train` and `prune`."""

from __future__ import annotations

import argparse
import json
import os
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from moe_theory.cli.console import CommandError, aligned, without_nan
from moe_theory.cli.kinds import DATA
from moe_theory.cli.specs import Specs

if TYPE_CHECKING:
    from moe_theory.cli.words import Made
    from moe_theory.data import PatchData
    from moe_theory.training import TrainingRun

USUAL = {
    "n_patches": 16, "n_irrelevant": 64, "n_hidden": 40, "n_experts": 2, "n_routed": 2,
    "learning_rate": 0.2, "batch_size": 20, "n_epochs": 150,
}  # fmt: skip
SPECS = Specs(tuple(DATA), ("separate", "dense", "joint", "token", "sample"), USUAL)
# Pruning needs more experts than two to choose from.
PRUNED = Specs(
    tuple(DATA), ("joint", "separate", "token", "sample"), {**USUAL, "n_experts": 8, "n_routed": 6}
)


def add_train(own: argparse.ArgumentParser) -> None:
    """Add the arguments of `train`."""
    _add_common(own)
    own.add_argument("--save", metavar="FILE", help="file to keep the trained network in")
    SPECS.add_to(own)
    own.set_defaults(run=_train)


def add_prune(own: argparse.ArgumentParser) -> None:
    """Add the arguments of `prune`."""
    _add_common(own)
    own.add_argument(
        "--ratio", type=float, nargs="+", default=[0.25, 0.5, 0.75], metavar="FLOAT",
        help="ρ, fractions of experts to leave out (default 0.25 0.5 0.75)",
    )  # fmt: skip
    own.add_argument(
        "--score", nargs="+", default=["router_norm_change"],
        help="what experts are ranked by (default router_norm_change)",
    )  # fmt: skip
    own.add_argument(
        "--run", metavar="FILE", dest="run_file",
        help="network that train --save kept, instead of training one; --data and its fields say "
        "which inputs it is tested on",
    )  # fmt: skip
    PRUNED.add_to(own)
    own.set_defaults(run=_prune)


def _add_common(own: argparse.ArgumentParser) -> None:
    own.add_argument(
        "--n-train", type=int, default=300, metavar="N", help="N (default %(default)s)"
    )
    own.add_argument(
        "--n-test", type=int, default=1000, metavar="N", help="test inputs (default %(default)s)"
    )
    own.add_argument("--seed", type=int, default=0, help="(default %(default)s)")
    own.add_argument("--json", action="store_true", help="print JSON instead of text")
    own.add_argument("--quiet", action="store_true", help="show no progress bar")


def _train(options: argparse.Namespace) -> None:
    made = SPECS.words(options).one()
    if options.save is not None:
        _check_place(Path(options.save))
    run, test = _trained(made, options)
    if options.save is not None:
        run.save(options.save)
    success = None
    if run.weights.routers is not None:
        success = run.routing(test).success.tolist()
    error = float(run.error(test))
    said = {
        "test_error": error,
        "test_error_spread": (error * (1 - error) / test.n_samples) ** 0.5,
        "train_error": float(run.history.train_error[-1]),
        "train_loss": float(run.history.train_loss[-1]),
        "n_steps": run.n_steps,
        "steps_to_zero_error": run.steps_to_zero_error,
        "steps_to_loss": run.steps_to_loss,
        "flops": {"total": int(run.flops.total), "routers": int(run.flops.routers)},
        "router_success": success,
        "wall_time": run.wall_time,
    }
    if options.json:
        print(json.dumps(without_nan({**_config(made, options), **said}), indent=1))
        return
    print(made.model)
    spread = said["test_error_spread"]
    print(f"test error      {error:.4f} ± {spread:.4f} (binomial, {test.n_samples} inputs)")
    print(f"training error  {said['train_error']:.4f}")
    print(f"steps           {run.n_steps}, zero training error at {run.steps_to_zero_error}")
    print(f"operations      {run.flops.total:.3e}, of which routers {run.flops.routers:.1e}")
    print(f"time            {run.wall_time:.2f} s")
    if success is not None:
        print(f"P(patch in top l) per expert: {', '.join(f'{value:.3f}' for value in success)}")
    if options.save is not None:
        print(f"saved           {options.save}")


def _prune(options: argparse.Namespace) -> None:
    from moe_theory.inference import footprint, prune, working_experts
    from moe_theory.training import TrainingRun

    words = PRUNED.words(options)
    if options.run_file is None:
        made = words.one()
        run, test = _trained(made, options)
        law, config = made.data, _config(made, options)
    else:
        if options.model is not None:
            raise ValueError("--model does not apply to a network that was trained before")
        law, run = words.law(), TrainingRun.load(options.run_file)
        test, config = law.sample(options.n_test, options.seed, split="test"), {}
    data = law.sample(options.n_train, options.seed)
    rows: list[dict[str, Any]] = []
    for score in options.score:
        for ratio in [0.0, *options.ratio]:
            small = prune(run, ratio, score, data=data, seed=options.seed) if ratio else run
            needs = footprint(small)
            rows.append(
                {
                    "score": score,
                    "ratio": ratio,
                    "n_experts": int(working_experts(small).sum()),
                    "test_error": float(small.error(test)),
                    "kilobytes": needs.kilobytes,
                    "flops": needs.flops,
                }
            )
    if options.json:
        print(json.dumps(without_nan({**config, "rows": rows}), indent=1))
        return
    print(run.model)
    table = [["score", "left out", "experts", "test error", "kB", "operations"]]
    for row in rows:
        table.append(
            [
                row["score"],
                f"{row['ratio']:g}",
                str(row["n_experts"]),
                f"{row['test_error']:.4f}",
                f"{row['kilobytes']:.4g}",
                str(row["flops"]),
            ]
        )
    print(aligned(table))


def _trained(made: Made, options: argparse.Namespace) -> tuple[TrainingRun, PatchData]:
    from moe_theory._random import substream
    from moe_theory.training import DeadNetworkWarning, train

    data, seed = made.data, options.seed
    own = data.sample(options.n_train, seed)
    test = data.sample(options.n_test, seed, split="test")
    others = None
    if made.model.routers_first and made.sgd.router_samples == "held_out":
        others = data.sample(options.n_train, substream(seed, "router samples"))
    hint = f"try a learning rate below {made.sgd.learning_rate:g}"
    # What has failed, although its numbers are finite, is no result either.
    with warnings.catch_warnings():
        warnings.simplefilter("error", DeadNetworkWarning)
        try:
            run = train(
                made.model,
                own,
                made.sgd,
                seed,
                test=test,
                router_data=others,
                progress=not options.quiet,
            )
            run.predict(test)
        except DeadNetworkWarning as warning:
            raise CommandError(f"{warning}; {hint}") from warning
    first, last = (float(run.history.train_loss[place]) for place in (0, -1))
    if last > 2 * first:
        raise CommandError(f"the loss rose from {first:.3g} to {last:.3g}; {hint}")
    return run, test


def _config(made: Made, options: argparse.Namespace) -> dict[str, Any]:
    from moe_theory._versions import versions
    from moe_theory.experiments.describe import describe

    parts = {name: describe(getattr(made, name)) for name in ("model", "data", "sgd")}
    sizes = {name: getattr(options, name) for name in ("n_train", "n_test", "seed")}
    return {**parts, **sizes, "versions": versions()}


def _check_place(path: Path) -> None:
    """Say before the training that its result could not be written; folders are made."""
    path = path.expanduser().absolute()
    known = next(parent for parent in path.parents if parent.exists())
    if path.is_dir() or not known.is_dir() or not os.access(known, os.W_OK):
        raise ValueError(f"--save must be a file in a folder that can be written; got {path}")


ARGUMENTS = {"train": add_train, "prune": add_prune}
