"""Pages of the site made of the executed notebooks."""

import base64
import json
import re
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
NOTEBOOKS = HERE.parent / "notebooks"
PAGES = HERE / "notebooks" / "generated"
FORMULA = re.compile(r"\$(?:\\displaystyle )?([^$]+)\$")
# From the folder of the notebooks to that of the pages.
LINKS = (
    (re.compile(r"\]\(([\w-]+)\.ipynb\)"), r"](\1.md)"),
    (re.compile(r"\]\(\.\./docs/"), "](../../"),
)


def write_notebooks() -> None:
    """Write a page for each notebook."""
    PAGES.mkdir(parents=True, exist_ok=True)
    for path in sorted(NOTEBOOKS.glob("*.ipynb")):
        (PAGES / f"{path.stem}.md").write_text(page(path), encoding="utf-8")


def page(path: Path) -> str:
    """Return a notebook as Markdown; its pictures are written beside the page."""
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    parts: list[str] = []
    for place, cell in enumerate(cells):
        source = _text(cell["source"])
        if cell["cell_type"] == "markdown":
            parts.append(_linked(source))
        elif cell["cell_type"] == "code" and source:
            parts.append(_fenced("python", source))
            parts += _outputs(cell["outputs"], f"{path.stem}-{place}")
    up = "../../../notebooks"
    files = (f"{{download}}`{name} <{up}/{name}>`" for name in (path.name, f"{path.stem}.py"))
    parts.insert(1, f"The notebook and its source: {', '.join(files)}.")
    return "\n\n".join(parts) + "\n"


def _outputs(outputs: list[dict[str, Any]], name: str) -> list[str]:
    """Return what a cell showed; progress bars, on standard error, are left out."""
    parts = []
    for place, output in enumerate(outputs):
        data = output.get("data", {})
        if output.get("name") == "stdout":
            parts.append(_fenced("text", _text(output["text"])))
        elif "image/png" in data:
            file = f"{name}-{place}.png"
            (PAGES / file).write_bytes(base64.b64decode(data["image/png"]))
            parts.append(f"![What the cell above draws]({file})")
        elif "text/html" in data:
            parts.append(_fenced("{raw} html", _typeset(_text(data["text/html"]))))
        elif "text/markdown" in data or "text/latex" in data:
            parts.append(_text(data.get("text/markdown") or data["text/latex"]))
        elif "text/plain" in data:
            parts.append(_fenced("text", _text(data["text/plain"])))
    return parts


def _typeset(html: str) -> str:
    """Let MathJax find the formulas; Sphinx tells it to look in these elements only."""
    return FORMULA.sub(r'<span class="math notranslate nohighlight">\\(\1\\)</span>', html)


def _linked(text: str) -> str:
    for pattern, now in LINKS:
        text = pattern.sub(now, text)
    return text


def _fenced(kind: str, text: str) -> str:
    return f"````{kind}\n{text}\n````"


def _text(lines: str | list[str]) -> str:
    return "".join(lines).strip("\n")
