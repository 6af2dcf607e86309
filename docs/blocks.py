"""Run the Python blocks of a page, in order and in one namespace, and compare what they print.

A ```text block right after a ```python block is what that one prints, digit by digit: a training
has the same bits on every processor. Blocks marked ```py are only shown. `python docs/blocks.py`
draws the pictures of the tutorial again.
"""

import contextlib
import io
import os
import re
from pathlib import Path

HERE = Path(__file__).parent
PAGES = sorted(
    page
    for page in (*HERE.glob("*.md"), *HERE.glob("howto/*.md"))
    if "```python" in page.read_text(encoding="utf-8")
)
BLOCK = re.compile(r"^```python\n(.*?)^```\n(?:\n^```text\n(.*?)^```$)?", re.DOTALL | re.MULTILINE)


def run_page(page: Path) -> int:
    """Run the blocks of ``page`` in the current folder and return how many there are.

    Raises
    ------
    AssertionError
        If a block prints something else than the page says.
    """
    text = page.read_text(encoding="utf-8")
    space: dict[str, object] = {"__name__": "__main__"}
    found = list(BLOCK.finditer(text))
    for match in found:
        code, expected = match.groups()
        # Lines of an error are those of the page.
        code = "\n" * text.count("\n", 0, match.start(1)) + code
        with contextlib.redirect_stdout(io.StringIO()) as printed:
            exec(compile(code, page, "exec"), space)
        if expected is not None and not alike(printed.getvalue(), expected):
            raise AssertionError(f"{page.name} prints\n{printed.getvalue()}\nand shows\n{expected}")
    return len(found)


def alike(printed: str, shown: str) -> bool:
    """Return whether two texts are equal up to spaces."""
    return printed.split() == shown.split()


if __name__ == "__main__":
    os.chdir(HERE / "pictures")
    run_page(HERE / "tutorial.md")
