"""The files of the page: those of this package, and those made of its tables."""

from __future__ import annotations

import os
from importlib import resources
from pathlib import Path

from moe_theory._paths import expanded
from moe_theory.explore.export import data_script, film_script

# In the order in which the page reads them.
SCRIPTS = (
    "data.js", "film.js", "advice.js", "drawing.js", "curves.js", "maps.js", "words.js",
    "training.js", "explorer.js",
)  # fmt: skip


def page_files() -> dict[str, str]:
    """Return the text of every file of the page, by name; ``index.html`` is the page.

    Returns
    -------
    dict of str to str
        Names are in one folder.

    Examples
    --------
    >>> files = page_files()
    >>> "<main" in files["index.html"], sum(map(len, files.values())) < 1_000_000
    (True, True)
    """
    folder = resources.files(__package__) / "page"
    made = {"data.js": data_script(), "film.js": film_script()}
    texts = {
        name: made.get(name) or (folder / name).read_text(encoding="utf-8")
        for name in ("explorer.css", "alone.css", *SCRIPTS)
    }
    page = (folder / "alone.html").read_text(encoding="utf-8")
    body = (folder / "explorer.html").read_text(encoding="utf-8")
    page = page.replace("<!-- body -->", body).replace("<!-- scripts -->", script_tags(""))
    return {"index.html": page, **texts}


def script_tags(place: str) -> str:
    """Return the elements that load the scripts from the folder ``place``.

    Examples
    --------
    >>> script_tags("a/").splitlines()[0]
    '<script defer src="a/data.js"></script>'
    """
    return "\n".join(f'<script defer src="{place}{name}"></script>' for name in SCRIPTS)


def write_page(folder: str | os.PathLike[str]) -> Path:
    """Write the page to a folder, from which any browser opens it.

    Parameters
    ----------
    folder : path
        Made if need be; files of the same names are replaced.

    Returns
    -------
    Path
        The page, ``index.html``.

    Examples
    --------
    >>> import tempfile
    >>> write_page(tempfile.mkdtemp()).name
    'index.html'
    """
    at = expanded(folder, "folder")
    at.mkdir(parents=True, exist_ok=True)
    for name, text in page_files().items():
        (at / name).write_text(text, encoding="utf-8", newline="\n")
    return at / "index.html"
