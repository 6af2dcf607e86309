"""What the site says about the package, taken from the package: names and commands."""

import ast
import contextlib
import importlib
import inspect
import io
import os
import re
from pathlib import Path

import moe_theory
from moe_theory.cli import COMMANDS, parser

FIGURES = Path(__file__).parents[1] / "figures"
PACKAGES = (
    "data", "models", "routing", "training", "costs",
    "bounds", "predictions", "flow", "advice",
    "explore", "inference", "experiments", "plotting", "statistics",
)  # fmt: skip


def homes() -> dict[str, tuple[str, str]]:
    """Return where each name of `moe_theory` itself is described, and the first line of that."""
    found = {}
    for package in PACKAGES:
        module = importlib.import_module(f"moe_theory.{package}")
        for name in moe_theory.__all__:
            if getattr(module, name, None) is getattr(moe_theory, name):
                said = inspect.getdoc(getattr(moe_theory, name)) or ""
                said = said.partition("\n\n")[0].replace("\n", " ")
                found.setdefault(name, (f"moe_theory.{package}.{name}", said))
    missing = set(moe_theory.__all__) - set(found)
    if missing:
        raise ValueError(f"no page for {missing}")
    return found


def public() -> dict[str, dict[str, list[str]]]:
    """Return the public classes and functions of each package, in order."""
    return {f"moe_theory.{package}": _members(f"moe_theory.{package}") for package in PACKAGES}


def names() -> dict[str, str]:
    """Return where each public name is described, packages themselves too, but no figure."""
    found = {package: package for package in public()}
    for package, groups in public().items():
        for name in (*groups["classes"], *groups["functions"]):
            found[f"{package}.{name}"] = f"{package}.{name}"
            if not (FIGURES / f"{name}.py").exists():
                found.setdefault(name, f"{package}.{name}")
    return found


def _members(name: str) -> dict[str, list[str]]:
    module = importlib.import_module(name)
    # A module without `__all__` offers what it defines itself.
    own = [key for key, value in vars(module).items() if getattr(value, "__module__", "") == name]
    names = getattr(module, "__all__", own)
    public = {key: getattr(module, key) for key in names if not key.startswith("_")}
    classes = [key for key, value in public.items() if inspect.isclass(value)]
    functions = [key for key, value in public.items() if inspect.isfunction(value)]
    return {"classes": classes, "functions": functions}


def write_commands(path: Path) -> None:
    """Write the help of every command of the command line, as Markdown."""
    os.environ["COLUMNS"] = "88"  # argparse wraps by it
    parts = [_block(_help())]
    parts += [f"## {name}\n\n{_block(_help(name))}" for name in COMMANDS]
    path.parent.mkdir(exist_ok=True)
    path.write_text("\n\n".join(parts) + "\n", encoding="utf-8")


def _help(*command: str) -> str:
    with contextlib.redirect_stdout(io.StringIO()) as said, contextlib.suppress(SystemExit):
        parser(*command).parse_args([*command, "--help"])
    return said.getvalue()


def _block(text: str) -> str:
    return f"```text\n{text.rstrip()}\n```"


def write_gallery(path: Path) -> None:
    """Write what every figure shows, with its picture, its target and its table, as Markdown.

    Links lead from the page in ``docs`` that includes it.
    """
    parts = []
    for figure in sorted(FIGURES.glob("*.py")):
        name, (title, rest) = figure.stem, described(figure.stem)
        at = f"../figures/full/{name}"
        files = f"{{download}}`table <{at}.csv>`, {{download}}`settings and versions <{at}.json>`"
        parts += [f"## {name}", title, f"![{title}]({at}.png)"]
        parts += [rest] if rest else []
        parts += [f"`make figure-{name}`; {files}; shown on {shown_on(name)}."]
        parts += on_mnist(name)
    path.parent.mkdir(exist_ok=True)
    path.write_text("\n\n".join(parts) + "\n", encoding="utf-8")


def on_mnist(name: str) -> list[str]:
    """Return the same figure on MNIST, if it was drawn."""
    if not (FIGURES / "mnist" / "quick" / f"{name}.png").exists():
        return []
    at = f"../figures/mnist/quick/{name}"
    table = f"{{download}}`table <{at}.csv>`"
    return [
        f"![{described(name)[0]} On MNIST.]({at}.png)",
        f"The same on MNIST, `make mnist-figures`; {table}.",
    ]


def described(name: str) -> tuple[str, str]:
    """Return the first line of a figure's docstring and the rest, as Markdown."""
    tree = ast.parse((FIGURES / f"{name}.py").read_text(encoding="utf-8"))
    title, _, rest = (ast.get_docstring(tree) or name).partition("\n\n")
    clean = (part.replace("\n", " ").replace("*", "\\*") for part in (title, rest))
    return next(clean), next(clean)


def shown_on(name: str) -> str:
    """Return links to the pages that speak of a figure, or show it."""
    docs = Path(__file__).parent
    first = (docs / f"{page}.md" for page in ("results", "practice", "explore"))
    pages = (*first, *sorted((docs / "theory").glob("*.md")))
    named = re.compile(rf"`{name}(?:\.csv)?`|/{name}\.(?:png|csv)")
    found = [page for page in pages if named.search(page.read_text(encoding="utf-8"))]
    links = [f"[{page.stem}]({page.relative_to(docs).as_posix()})" for page in found]
    return ", ".join(links) or "this page only"


def with_pictures(text: str, up: str) -> str:
    """Return a page with the pictures of figures/full that it names, at its end.

    The root of the repository is ``up`` from the page.
    """
    parts = [text.rstrip("\n")]
    for name in dict.fromkeys(re.findall(r"`(?:figures/full/)?(\w+)(?:\.png)?`", text)):
        if (FIGURES / "full" / f"{name}.png").exists():
            first = re.split(r"(?<=\.) ", described(name)[0])[0]
            head = f":::{{figure}} {up}/figures/full/{name}.png\n:alt: {first}\n:width: 100%"
            parts.append(f"{head}\n\n`{name}`: {first}\n:::")
    return "\n\n".join(parts) + "\n"
