"""The commands that train many networks: `sweep` and `samples`."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable
from statistics import mean, stdev
from typing import TYPE_CHECKING, Any

from moe_theory.cli.console import add_mixing, aligned, without_nan
from moe_theory.cli.kinds import DATA, MODELS
from moe_theory.cli.specs import Specs
from moe_theory.cli.train import USUAL

if TYPE_CHECKING:
    from moe_theory.experiments import Results, Setting

SPECS = Specs(tuple(DATA), ("separate", *(name for name in MODELS if name != "separate")), USUAL,
              many=True)  # fmt: skip
# Fields of `Search`, which takes a second to import: a test compares defaults.
SEARCH = {
    "n_min": (int, "smallest N, even (default 2)"),
    "n_max": (int, "largest N, even (default 4096)"),
    "start": (int, "first N tried (default 16)"),
    "precision": (float, "relative half-width of the interval at which to stop (default 0.1)"),
    "confidence": (float, "level of the interval (default 0.95)"),
    "max_runs": (int, "trainings of one search, at most (default 5000)"),
}


def add_sweep(own: argparse.ArgumentParser) -> None:
    """Add the arguments of `sweep`."""
    own.description = (
        "Train networks at every combination of the values given: each flag below takes several. "
        "A flag that a network lacks is left out for it."
    )
    own.add_argument(
        "--n-train", type=int, nargs="+", default=[300], metavar="N", help="N (default 300)"
    )
    own.add_argument(
        "--n-draws", type=int, default=5, metavar="N", help="draws (default %(default)s)"
    )
    _add_common(own)
    own.set_defaults(run=_sweep)


def add_samples(own: argparse.ArgumentParser) -> None:
    """Add the arguments of `samples`."""
    own.description = (
        "Search for N*, the fewest samples whose mean test error is at most epsilon, at every "
        "combination of the values given: each flag below takes several."
    )
    own.add_argument(
        "--epsilon", type=float, nargs="+", default=[0.05], metavar="FLOAT", help="ε (default 0.05)"
    )
    for name, (kind, text) in SEARCH.items():
        own.add_argument(
            "--" + name.replace("_", "-"), dest=f"search_{name}", type=kind,
            default=argparse.SUPPRESS, metavar=kind.__name__.upper(), help=text,
        )  # fmt: skip
    _add_common(own)
    own.set_defaults(run=_samples)


def _add_common(own: argparse.ArgumentParser) -> None:
    own.add_argument(
        "--n-test", type=int, default=1000, metavar="N", help="test inputs (default %(default)s)"
    )
    own.add_argument("--seed", type=int, default=0, help="(default %(default)s)")
    own.add_argument("--store", metavar="FILE", help="file of the rows, from which a killed run "
                     "goes on (default: none)")  # fmt: skip
    add_mixing(own)
    own.add_argument("--json", action="store_true", help="print JSON instead of a table")
    own.add_argument("--quiet", action="store_true", help="show no progress bar")
    SPECS.add_to(own)


def _sweep(options: argparse.Namespace) -> None:
    from moe_theory.experiments import Sweep

    settings = _settings(options, options.n_train)
    sweep = Sweep(settings, n_test=options.n_test, n_draws=options.n_draws, seed=options.seed)
    results = sweep.run(options.store, **_how(options))
    if options.json:
        _print_json(results)
        return
    labels = list(settings[0].labels)
    table = [[*labels, "N", "test error", "std", "diverged"]]
    for setting in settings:
        rows = results.select(**setting.labels, n_train=setting.n_train).rows
        errors = [row["test_error"] for row in rows if not row["diverged"]]
        table.append(
            [
                *(_cell(setting.labels[name]) for name in labels),
                str(setting.n_train),
                f"{mean(errors):.4f}" if errors else "",
                f"{stdev(errors):.4f}" if len(errors) > 1 else "",
                str(len(rows) - len(errors)),
            ]
        )
    print(aligned(table))


def _samples(options: argparse.Namespace) -> None:
    from moe_theory.experiments import SampleStudy, Search

    limits = {
        name.removeprefix("search_"): value
        for name, value in vars(options).items()
        if name.startswith("search_")
    }
    search = Search(**limits)
    study = SampleStudy(
        _settings(options, [search.n_min]),
        tuple(dict.fromkeys(options.epsilon)),
        search,
        n_test=options.n_test,
        seed=options.seed,
    )
    results = study.run(options.store, **_how(options))
    if options.json:
        _print_json(results)
        return
    labels = list(study.families[0].labels)  # type: ignore[union-attr]
    table = [[*labels, "epsilon", "N*", "low", "high", "trainings"]]
    for row in results.rows:
        numbers = [f"{row[name]:.4g}" for name in ("epsilon", "value", "low", "high")]
        table.append([*(_cell(row[name]) for name in labels), *numbers, str(row["n_runs"])])
    print(aligned(table))


def _how(options: argparse.Namespace) -> dict[str, Any]:
    if options.mix_versions and options.store is None:
        raise ValueError("--mix-versions does not apply without --store")
    return {"progress": not options.quiet, "mix_versions": options.mix_versions}


def _settings(options: argparse.Namespace, sizes: Iterable[int]) -> list[Setting]:
    """Return every network at every point once; a flag that it lacks is no label of it."""
    from moe_theory.experiments import Setting

    words = SPECS.words(options)
    found: dict[Any, Setting] = {}
    for n_train in dict.fromkeys(sizes):
        for arm, made in words.all():
            labels = {"arm": arm, **{name: _label(made.values.get(name)) for name in words.axes}}
            key = (n_train, *labels.values())
            if key not in found:
                found[key] = Setting(labels, made.data, made.model, made.sgd, n_train)
    return list(found.values())


def _label(value: Any) -> Any:
    return str(value) if isinstance(value, tuple) else value


def _cell(value: Any) -> str:
    return "" if value is None else str(value)


def _print_json(results: Results) -> None:
    print(json.dumps(without_nan({"config": results.config, "rows": results.rows}), indent=1))


ARGUMENTS = {"sweep": add_sweep, "samples": add_samples}
