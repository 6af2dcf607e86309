"""Small runs to be saved, and ways to look into the files."""

import json
from dataclasses import fields

import numpy as np

from moe_theory import SGD, JointMoE, PatchPatterns, TrainingRun, train
from moe_theory.inference import Quantizer, prune, quantize

PATTERNS = PatchPatterns(n_patches=6, n_irrelevant=20, patch_dim=24)
DATA = PATTERNS.sample(23, 0)
MODEL = JointMoE(3, 6, 2, init_std=0.1, router_init_std=0.1)


def small_run(**options):
    return train(MODEL, DATA, SGD(0.5, 7, n_steps=20, record=5), 2**70, **options)


def smaller_run():
    return prune(quantize(small_run(), (4, 3, 2), quantizer=Quantizer(False, 5)), 0.5, [1, 4, 2])


def assert_equal(run, other):
    for part in fields(TrainingRun):
        ours, theirs = getattr(run, part.name), getattr(other, part.name)
        if part.name not in ("initial", "weights", "history"):
            assert ours == theirs, part.name
            assert type(ours) is type(theirs), part.name
            continue
        assert ours.arrays().keys() == theirs.arrays().keys()
        for name, array in ours.arrays().items():
            read = theirs.arrays()[name]
            assert (array.dtype, array.shape) == (read.dtype, read.shape), name
            assert array.tobytes() == read.tobytes(), name
            assert not read.flags.writeable


def header_of(path):
    with np.load(path) as file:
        return json.loads(file["header"].item())


def forged(path, change):
    """Rewrite a saved file with a changed header and members."""
    with np.load(path) as file:
        arrays = dict(file)
    header = json.loads(arrays.pop("header").item())
    change(header, arrays)
    header["arrays"] = list(arrays)
    np.savez(path, header=np.array(json.dumps(header)), **arrays)
