"""The command line: `moe-theory`, or `python -m moe_theory`.

A module of this package has the commands of one kind. It is imported when one of them is called, so
that help comes at once.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from importlib import import_module

from moe_theory import __version__
from moe_theory.cli.console import reported

ABOUT = "The command line: `moe-theory`, or `python -m moe_theory`."
# Module and purpose of every command.
COMMANDS = {
    "run": ("user_files", "run simulation files, or what is missing of them"),
    "draw": ("user_files", "draw figure files, running what they need"),
    "verify": ("user_files", "compute tables anew, compare them with the committed ones"),
    "train": ("train", "train one network and say how it did"),
    "prune": ("train", "train one network, leave out experts, and say what it costs"),
    "sweep": ("many_trainings", "train networks at every combination of the values given"),
    "samples": ("many_trainings", "search for the fewest samples that reach a test error"),
    "predict": ("theory", "predict test error and steps without training"),
    "advise": ("theory", "say which network, l and k take least to reach ε"),
    "explore": ("explore", "show all that `advise` knows as a page with sliders, in the browser"),
    "theory": ("theory", "write the complexity, savings and cost tables"),
    "tabulate": ("theory", "predict what `advise` interpolates (half an hour)"),
    "compile": ("tools", "compile all kernels, so that no run has to wait"),
    "pack-digits": ("tools", "pack IDX files, such as MNIST's, into an npz"),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status; bad input is told in one line.

    Returns
    -------
    int
        0; 1 if a training diverged or a table differs; 2 for bad input; 130 after Ctrl-C; 141 if
        nobody reads what is printed any more.

    Examples
    --------
    >>> main(["train", "--n-routed", "99"])
    2
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    return reported(lambda: parser(*given[:1]).parse_args(given))


def parser(command: str | None = None) -> argparse.ArgumentParser:
    """Return the parser of all commands, of which only ``command`` has its arguments.

    Examples
    --------
    >>> parser("compile").parse_args(["compile"]).resumes
    True
    """
    whole = argparse.ArgumentParser(prog="moe-theory", description=ABOUT)
    whole.add_argument("--version", action="version", version=__version__)
    commands = whole.add_subparsers(required=True, metavar="COMMAND")
    for name, (module, purpose) in COMMANDS.items():
        own = commands.add_parser(name, help=purpose, description=purpose, allow_abbrev=False)
        if name == command:
            own.set_defaults(resumes=False)
            import_module(f"moe_theory.cli.{module}").ARGUMENTS[name](own)
    return whole
