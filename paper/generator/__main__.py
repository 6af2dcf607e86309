"""Write paper/generated; fail where a number is missing, stale, unused or typed by hand."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from generator import checks, claims, figures, freshness
from generator.sections import filled
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
        sections = filled()
        tables = {name: make() for name, make in TABLES.items()}
        wrong = claims.failed()
    except committed.MissingNumberError as error:
        return report([str(error)])
    write(GENERATED, sections, tables)
    figures.write(GENERATED)
    doubtful = [*freshness.stale(used_figures()), *wrong]
    if draft:
        report(doubtful)
        doubtful = []
    return report([*checks.problems(tables, figures.FIGURES), *doubtful])


def write(folder: Path, sections: dict[str, str], tables: dict[str, str]) -> None:
    """Write every section, and every table, to its own file."""
    (folder / "text").mkdir(parents=True, exist_ok=True)
    for name, text in sections.items():
        (folder / "text" / name).write_text(text, encoding="utf-8")
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
