"""What the pages of the site show runs as it stands."""

import importlib.util
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[1] / "docs"
SPEC = importlib.util.spec_from_file_location("blocks", DOCS / "blocks.py")
blocks = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(blocks)


@pytest.mark.parametrize("page", blocks.PAGES, ids=lambda page: page.stem)
def test_page_runs(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert blocks.run_page(page)


def test_other_numbers_are_told_apart():
    assert blocks.alike("error 0.051, 3.1e+09", "error  0.051,\n3.1e+09")
    assert not blocks.alike("error 0.051", "error 0.052")
    assert not blocks.alike("error 0.051", "loss 0.051")
