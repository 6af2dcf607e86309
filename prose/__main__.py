"""Put the numbers of the committed tables into README and docs."""

from __future__ import annotations

import argparse
import sys

from prose.pages import pages, renewed
from prose.tables import ROOT
from prose.typed import typed


def main() -> int:
    """Return 1 if a number is not in the tables, stands nowhere, or was typed."""
    parser = argparse.ArgumentParser(prog="python -m prose", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; fail if one is stale")
    check = parser.parse_args().check
    wrong = []
    for page in pages():
        text = page.read_text(encoding="utf-8")
        now, stale = renewed(text)
        if not check:
            page.write_text(now, encoding="utf-8")
            stale = renewed(now)[1]
        name = page.relative_to(ROOT)
        wrong += [f"{name}:{line}" for line in (*stale, *typed(now))]
    print(*wrong, sep="\n", end="\n" if wrong else "", file=sys.stderr)
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
