"""Write paper/generated; fail where a number is missing, stale, unused or typed by hand."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from generator import checks, claims, figures, freshness
from generator.macros import all_macros
from generator.tables import TABLES
from prose import tables as committed

GENERATED = checks.PAPER / "generated"


def main() -> int:
    """Return 1 if something is wrong."""
    parser = argparse.ArgumentParser(prog="python -m generator", description=__doc__)
    parser.add_argument(
        "--draft", action="store_true", help="only warn of stale results and claims that fail"
    )
    draft = parser.parse_args().draft
    try:
        macros = all_macros()
        tables = {name: make() for name, make in TABLES.items()}
        wrong = claims.failed()
    except committed.MissingNumberError as error:
        return report([str(error)])
    write(GENERATED, macros, tables)
    figures.write(GENERATED)
    doubtful = [*freshness.stale(used_figures()), *wrong]
    if draft:
        report(doubtful)
        doubtful = []
    return report([*checks.problems(macros, tables, figures.FIGURES), *doubtful])


def write(folder: Path, macros: dict[str, str], tables: dict[str, str]) -> None:
    """Write the macros to one file, and every table to its own."""
    folder.mkdir(exist_ok=True)
    lines = [f"\\newcommand{{\\{name}}}{{{text}}}" for name, text in macros.items()]
    (folder / "numbers.tex").write_text("\n".join(lines) + "\n")
    for name, text in tables.items():
        (folder / f"{name}.tex").write_text(text)


def used_figures() -> list[str]:
    """Return the full-scale figures whose tables were read."""
    return sorted(path.stem for path in committed.files_read() if path.parent == committed.FULL)


def report(lines: list[str]) -> int:
    """Print what is wrong; return the exit status."""
    for line in lines:
        print(f"paper: {line}", file=sys.stderr)
    return bool(lines)


if __name__ == "__main__":
    sys.exit(main())
