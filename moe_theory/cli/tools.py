"""The commands that prepare a machine or a file: `compile` and `pack-digits`."""

from __future__ import annotations

import argparse
import sys

PARTS = ("images", "labels", "test_images", "test_labels")


def add_compile(own: argparse.ArgumentParser) -> None:
    """Add the arguments of `compile`, which has none."""
    own.set_defaults(run=_compile, resumes=True)


def add_pack_digits(own: argparse.ArgumentParser) -> None:
    """Add the arguments of `pack-digits`."""
    for name in PARTS:
        own.add_argument(name, help="IDX file, gzipped or not")
    own.add_argument("npz", help="file to write, for --digits and MOE_THEORY_DIGITS")
    own.add_argument("--max-pixel", type=float, help="value of a white pixel (default 255)")
    own.set_defaults(run=_pack)


def _compile(options: argparse.Namespace) -> None:
    from moe_theory.kernels.cache import writable
    from moe_theory.training import compile_kernels

    print("compiling kernels, once (two minutes)", file=sys.stderr)
    compile_kernels()
    print(writable())


def _pack(options: argparse.Namespace) -> None:
    from moe_theory.data import pack_idx

    files = [getattr(options, name) for name in (*PARTS, "npz")]
    print(pack_idx(*files, max_pixel=options.max_pixel))


ARGUMENTS = {"compile": add_compile, "pack-digits": add_pack_digits}
