"""What a release states agrees with the package."""

import re
from pathlib import Path

from moe_theory import __version__

ROOT = Path(__file__).parents[1]


def test_version_of_the_citation():
    stated = re.search(r"^version: (.*)$", (ROOT / "CITATION.cff").read_text(), re.MULTILINE)
    assert stated is not None
    assert stated[1] == __version__


def test_the_changelog_speaks_of_the_version():
    first = re.search(r"^## ([0-9.]+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert first is not None
    assert first[1] == __version__
