"""The commands that prepare a machine or a file: `compile` and `pack-digits`."""

from __future__ import annotations

import argparse
import sys
import warnings

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

    print("compiling kernels, once (some five minutes)", file=sys.stderr)
    compile_kernels()
    _use_others()
    print(writable())


def _use_others() -> None:
    """Use the kernels that no training uses: those of scores and of predictions."""
    from moe_theory.data import PatchPatterns
    from moe_theory.inference import expert_scores
    from moe_theory.models import DenseCNN, JointMoE, SeparateMoE
    from moe_theory.predictions import joint_error, trained_error
    from moe_theory.training import SGD, train

    patterns = PatchPatterns(n_patches=16, n_irrelevant=16, patch_dim=18)
    sgd = SGD(0.4, 20, n_steps=20_000, stop_loss=0.1)
    for model in (SeparateMoE(2, 8, 2), JointMoE(2, 8, 2)):
        data = patterns.sample(4, seed=0)
        expert_scores(train(model, data, SGD(0.1, 2, n_steps=1)), "curvature", data=data)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # how good these predictions are does not matter
        trained_error(patterns, DenseCNN(8), sgd, 4)
        joint_error(patterns, JointMoE(2, 8, 2), sgd, 4, n_draws=2)


def _pack(options: argparse.Namespace) -> None:
    from moe_theory.data import pack_idx

    files = [getattr(options, name) for name in (*PARTS, "npz")]
    print(pack_idx(*files, max_pixel=options.max_pixel))


ARGUMENTS = {"compile": add_compile, "pack-digits": add_pack_digits}
