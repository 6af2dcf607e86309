"""What the README shows runs as it stands, and is short."""

import importlib.util
import re
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from moe_theory import SGD, DenseCNN, JointMoE, PatchPatterns, SeparateMoE, train_many

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
SPEC = importlib.util.spec_from_file_location("blocks", ROOT / "docs" / "blocks.py")
blocks = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(blocks)


def test_is_short():
    assert len(README.splitlines()) <= 130


def test_what_the_example_prints_is_shown():
    ((_, printed),) = blocks.BLOCK.findall(README)
    assert printed


@pytest.mark.slow
def test_example_prints_what_is_shown(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert blocks.run_page(ROOT / "README.md") == 1


@pytest.mark.slow
def test_errors_by_l():
    patterns = PatchPatterns(n_patches=32, n_irrelevant=256, patch_dim=258)
    widths = (1, 2, 4, 8, 16, 32)
    for width in widths:
        errors, work = [], []
        for model in (DenseCNN(40), SeparateMoE(2, 40, width), JointMoE(8, 40, width)):
            shown = width == 32 if isinstance(model, DenseCNN) else True
            if not shown or (isinstance(model, SeparateMoE) and width == 32):
                errors.append("")
                work.append("")
                continue
            sgd = SGD(
                0.2 * model.patches_per_expert(32), batch_size=20, n_steps=3000, dtype="float64"
            )
            runs = train_many(model, patterns, sgd, range(20), n_train=40, n_test=1000)
            found = np.array([run.history.test_error[-1] for run in runs])
            wide = float(stats.t.ppf(0.975, 19)) * found.std(ddof=1) / 20**0.5
            low, high = max(found.mean() - wide, 0), found.mean() + wide
            errors.append(f"{found.mean():.3f} [{low:.3f}, {high:.3f}]")
            work.append(f"{runs[0].flops.total:.1e}")
            if isinstance(model, JointMoE) and width == 2:
                # "some trainings stay at chance, the others err little"
                assert ((found < 0.1) | (found > 0.4)).all()
                assert 0 < (found > 0.4).sum() < 10
        line = "| " + " | ".join([str(width), *errors, *work]) + " |"
        assert line.replace("|  |", "| |") in README, line


def test_files_exist():
    for link in re.findall(r"\]\(([A-Za-z]\S*?)\)", README):
        path, _, anchor = link.partition("#")
        assert (ROOT / path).exists(), path
        assert not anchor or f'<a id="{anchor}">' in (ROOT / path).read_text("utf-8"), link


def test_targets_exist():
    makefile = (ROOT / "Makefile").read_text()
    known = set(re.findall(r"^([a-z][a-z0-9-]*|figure-%):", makefile, flags=re.MULTILINE))
    pages = (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("**/*.md"))
    for page in pages:
        for target in re.findall(r"(?:`|^)make ([a-z][a-z0-9-]*)", page.read_text(), flags=re.M):
            assert target in known or target.startswith("figure-"), (page, target)
