"""The commands on files of the user: `run`, `draw` and `verify`."""

from __future__ import annotations

import argparse
import os
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from moe_theory.cli.console import CommandError, add_mixing

if TYPE_CHECKING:
    from moe_theory.experiments.table_files import TableComparison


def add_run(own: argparse.ArgumentParser) -> None:
    """Add the arguments of `run`."""
    own.add_argument("files", nargs="+", metavar="FILE", help="such as simulations/*.py")
    _add_common(own)
    own.set_defaults(run=_run)


def add_draw(own: argparse.ArgumentParser) -> None:
    """Add the arguments of `draw`."""
    own.add_argument("files", nargs="+", metavar="FILE", help="such as figures/*.py")
    _add_common(own)
    own.add_argument("--out", help="folder of pictures and tables (default: beside the file)")
    own.set_defaults(run=_draw)


def add_verify(own: argparse.ArgumentParser) -> None:
    """Add the arguments of `verify`."""
    own.add_argument("files", nargs="+", metavar="FILE", help="such as figures/*.py")
    _add_scale(own)
    own.add_argument(
        "--out", default="results/verify", help="folder of what is computed (default %(default)s)"
    )
    own.add_argument("--committed", help="folder to compare with (default: beside the file)")
    own.set_defaults(run=_verify, resumes=True)


def _add_common(own: argparse.ArgumentParser) -> None:
    _add_scale(own)
    own.add_argument(
        "--store", default="results", help="folder of the raw results (default %(default)s)"
    )
    add_mixing(own)


def _add_scale(own: argparse.ArgumentParser) -> None:
    own.add_argument(
        "--scale", choices=("quick", "full"), default="quick", help="(default %(default)s)"
    )


def _run(options: argparse.Namespace) -> None:
    from moe_theory.experiments.scripts import run_simulation

    for file in options.files:
        print(file, file=sys.stderr)
        with _placed(file):
            results = run_simulation(
                file, options.scale, store=options.store, mix_versions=options.mix_versions
            )
        print(f"{file}: {len(results.rows)} rows in {options.store}/{options.scale}")


def _draw(options: argparse.Namespace) -> None:
    from moe_theory.experiments.scripts import draw_figure

    for file in options.files:
        print(file, file=sys.stderr)
        with _placed(file):
            picture = draw_figure(
                file,
                options.scale,
                store=options.store,
                out=options.out,
                mix_versions=options.mix_versions,
            )
        print(os.path.relpath(picture))


def _verify(options: argparse.Namespace) -> int:
    from moe_theory.experiments.verify import other_versions

    n_tables, failed = 0, []
    with _placed(*options.files):
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


def _comparisons(options: argparse.Namespace) -> Iterator[TableComparison]:
    from moe_theory.experiments.verify import compare_folders, verify_figures

    where = {"out": options.out, "committed": options.committed}
    yield from verify_figures(options.files, options.scale, **where)
    for parent in dict.fromkeys(options.committed or Path(file).parent for file in options.files):
        if (folder := Path(parent) / "theory").is_dir():
            from moe_theory.bounds import write_tables

            write_tables(Path(options.out) / "theory")
            yield from compare_folders(folder, Path(options.out) / "theory")


@contextmanager
def _placed(*files: str) -> Iterator[None]:
    """Say in which line of a file of the user an error came up."""
    try:
        yield
    except SyntaxError as error:
        place = f"{error.filename}, line {error.lineno}"
        raise CommandError(f"{place}: {error.msg}", status=2) from error
    except Exception as error:
        folders = {Path(file).resolve().parent for file in files}
        frames = [
            frame
            for frame in traceback.extract_tb(error.__traceback__)
            if Path(frame.filename).is_file() and Path(frame.filename).resolve().parent in folders
        ]
        if not frames or isinstance(error, BrokenPipeError):
            raise
        place = f"{os.path.relpath(frames[-1].filename)}, line {frames[-1].lineno}"
        kind = "" if isinstance(error, ValueError) else f"{type(error).__name__}: "
        raise CommandError(f"{place}: {kind}{error}", status=2) from error


ARGUMENTS = {"run": add_run, "draw": add_draw, "verify": add_verify}
