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
    "inference", "experiments", "plotting", "statistics",
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


def with_pictures(text: str, up: str, at_end: bool = False) -> str:
    """Return a page with the pictures of figures/full that it names.

    A picture comes after the paragraph that begins with its name, or else that first names it, or
    at the end. The root of the repository is ``up`` from the page.
    """
    paragraphs = text.split("\n\n")
    begins = [re.match(r"(?:`\w+`(?:, )?)*", paragraph)[0] for paragraph in paragraphs]
    places: dict[str, int] = {}
    for parts in (begins, paragraphs):
        for at, part in enumerate(parts):
            for name in re.findall(r"`(?:figures/full/)?(\w+)(?:\.png)?`", part):
                if (FIGURES / "full" / f"{name}.png").exists():
                    places.setdefault(name, at)
    for name, at in places.items():
        said = (
            ast.get_docstring(ast.parse((FIGURES / f"{name}.py").read_text(encoding="utf-8")))
            or name
        )
        first = re.split(r"\n\n|(?<=\.) ", said)[0].replace("\n", " ")
        head = f":::{{figure}} {up}/figures/full/{name}.png\n:alt: {first}\n:width: 100%"
        paragraphs[-1 if at_end else at] += f"\n\n{head}\n\n`{name}`: {first}\n:::"
    return "\n\n".join(paragraphs)
