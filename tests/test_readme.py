"""What the README shows runs as it stands."""

import csv
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_digits

from moe_theory import SGD, DenseCNN, JointMoE, PatchPatterns, SeparateMoE, train_many

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)


@pytest.mark.slow
@pytest.mark.parametrize("block", BLOCKS, ids=range(len(BLOCKS)))
def test_block_runs(block, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    if "__main__" in block:
        (tmp_path / "block.py").write_text(block)
        subprocess.run([sys.executable, "block.py"], check=True, capture_output=True)
        assert len((tmp_path / "sweep-on-cluster.jsonl").read_text().splitlines()) == 8
        return
    bundled = load_digits()
    exec(block, {"images": bundled.images / 16, "labels": bundled.target})


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
            wide = 1.96 * found.std(ddof=1) / 20**0.5
            low, high = max(found.mean() - wide, 0), found.mean() + wide
            errors.append(f"{found.mean():.3f} [{low:.3f}, {high:.3f}]")
            work.append(f"{runs[0].flops.total:.1e}")
        line = "| " + " | ".join([str(width), *errors, *work]) + " |"
        assert line.replace("|  |", "| |") in README, line


def test_files_exist():
    for path in re.findall(r"\]\(([a-z]\S*?)\)", README):
        assert (ROOT / path).exists(), path


def test_targets_exist():
    makefile = (ROOT / "Makefile").read_text()
    known = set(re.findall(r"^([a-z][a-z0-9-]*|figure-%):", makefile, flags=re.MULTILINE))
    pages = (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("**/*.md"))
    for page in pages:
        for target in re.findall(r"(?:`|^)make ([a-z][a-z0-9-]*)", page.read_text(), flags=re.M):
            assert target in known or target.startswith("figure-"), (page, target)


def test_limits_of_compression_are_those_of_the_figures():
    for line in (*pruning_lines(read("pruning")), *quantization_lines(read("quantization"))):
        assert line in README


def read(figure: str) -> list[dict[str, str]]:
    with (ROOT / "figures" / "full" / f"{figure}.csv").open() as file:
        return list(csv.DictReader(file))


def pruning_lines(rows):
    """Return the lines of the table of pruning: per score, six settings, then fine-tuned again."""
    for score in dict.fromkeys(row["score"] for row in rows):
        cells = [
            limit_text(row, "largest_ratio") + (f" → {number(again)}" if again else "")
            for row in rows
            if row["score"] == score and row["fine_tuned"] == "False"
            for again in [tuned(rows, row)]
        ]
        yield f"| {score} | " + " | ".join(cells) + " |"


def tuned(rows, row):
    """Return the largest ratio of the same setting when fine-tuned again."""
    same = ("data", "seen", "loss", "score")
    for other in rows:
        if other["fine_tuned"] == "True" and all(other[name] == row[name] for name in same):
            return other["largest_ratio"]
    return ""


def quantization_lines(rows):
    """Return the lines of the table of bits: per allocation, routing and α, of two levels."""
    kept = [r for r in rows if r["data"] == "digits" and r["levels"] == "3 or 1 bits"]
    kept.sort(key=lambda row: (row["routing"], -float(row["alpha"])))
    for way in dict.fromkeys(row["allocation"] for row in kept):
        cells = [limit_text(row, "all_lowest_bits", "all_") for row in kept
                 if row["allocation"] == way]  # fmt: skip
        yield f"| {way} | " + " | ".join(cells) + " |"


def limit_text(row, column, prefix=""):
    ends = (row[f"{prefix}milder"], row[f"{prefix}harsher"])
    return f"{number(row[column])} [{', '.join(number(end) for end in ends)}]"


def number(text):
    return "–" if text in ("", "nan") else f"{float(text):.3g}"
