"""What the README shows runs as it stands."""

import re
from pathlib import Path

import pytest
from sklearn.datasets import load_digits

README = (Path(__file__).parents[1] / "README.md").read_text()
BLOCKS = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)


@pytest.mark.slow
@pytest.mark.parametrize("block", BLOCKS, ids=range(len(BLOCKS)))
def test_block_runs(block):
    bundled = load_digits()
    exec(block, {"images": bundled.images / 16, "labels": bundled.target})


def test_files_exist():
    for path in re.findall(r"\]\(([a-z]\S*?)\)", README):
        assert (Path(__file__).parents[1] / path).exists(), path
