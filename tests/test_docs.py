"""What the pages of the site show runs as it stands, and sources are such as a reader has."""

import importlib.util
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
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


def texts():
    """Return path and text of every text file of the repository."""
    git = shutil.which("git")
    if git is None or not (ROOT / ".git").exists():
        pytest.skip("which files belong to the project is known in its repository only")
    listed = subprocess.run([git, "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True)
    found = {}
    for name in filter(None, listed.stdout.decode().split("\0")):
        content = (ROOT / name).read_bytes() if (ROOT / name).is_file() else b"\0"
        if b"\0" not in content:
            found[name] = content.decode(errors="replace")
    return found


def test_no_document_is_cited_that_no_reader_has():
    found = texts()
    assert {"README.md", "docs/theory/bounds.md"} <= set(found)
    private = re.compile("doss" + "ier|" + chr(0xA7) + r"\d", re.IGNORECASE)
    assert [name for name, text in found.items() if private.search(text)] == []


def test_derivations_stand_where_docstrings_say():
    cited = {}
    for path in (ROOT / "moe_theory").rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        # A sentence may name further pages after the first.
        for sentence in re.findall(r"docs/theory/(?:[^.]|\.md)*", text):
            cited |= dict.fromkeys(re.findall(r"[\w-]+\.md", sentence), path)
    assert len(cited) >= 8
    assert [name for name in cited if not (DOCS / "theory" / name).is_file()] == []


def generated():
    """Return the module of the site that writes the gallery."""
    spec = importlib.util.spec_from_file_location("generate", DOCS / "generate.py")
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    return made


def test_the_gallery_has_every_figure_with_sentence_target_and_table(tmp_path):
    generate = generated()
    generate.write_gallery(tmp_path / "made" / "gallery.md")
    parts = (tmp_path / "made" / "gallery.md").read_text(encoding="utf-8").split("## ")[1:]
    names = [path.stem for path in sorted((ROOT / "figures").glob("*.py"))]
    assert [part.partition("\n")[0] for part in parts] == names
    for name, part in zip(names, parts, strict=True):
        sentence = generate.described(name)[0]
        assert sentence.endswith(".")
        assert sentence in part
        assert f"`make figure-{name}`" in part
        assert "shown on [" in part, f"no page shows {name}"
        for ending in ("png", "csv", "json"):
            assert f"../figures/full/{name}.{ending}" in part
    on_mnist = [path.stem for path in (ROOT / "figures" / "mnist" / "quick").glob("*.png")]
    assert [n for n, part in zip(names, parts, strict=True) if "on MNIST" in part] == sorted(
        on_mnist
    )


def test_every_finding_of_the_results_names_a_figure():
    names = {path.stem for path in (ROOT / "figures").glob("*.py")}
    text = (DOCS / "results.md").read_text(encoding="utf-8")
    found = [set(re.findall(r"figures/full/(\w+)\.png", part)) for part in text.split("\n## ")]
    assert len(found) > 15
    assert all(own and own <= names for own in found)


def test_paragraphs_of_results_are_short():
    text = (DOCS / "results.md").read_text(encoding="utf-8").partition("<!-- pending -->")[0]
    text = re.sub(r"<!--.*?-->", "", text, flags=re.DOTALL)
    parts = [part.strip() for part in re.split(r"\n\n|\n(?=- )", text)]
    parts = [part for part in parts if not part.startswith("|")]
    assert len(parts) > 50
    assert [part for part in parts if len(part.split()) > 90] == []
