"""Digests of what this package computes, which are the same on every processor.

`python tests/battery.py > tests/battery.json` writes them, `python tests/battery.py
tests/battery.json` compares them with those written, part after part. With words after the file,
such as `token float32`, only the parts whose names have all of them are made.

Every digest is that of the bytes of a result: data, weights, losses, outputs, routing, scores,
compressed networks, thresholds and fits. Predictions are not among them: they go through SciPy and
have a tolerance. Trainings are small, since on a processor without fused multiply-add each of those
takes a function call, and an emulated processor is slower still. Sizes are odd, so that what is
left over by vectors takes part.
"""

import hashlib
import json
import sys
from dataclasses import fields, replace
from functools import partial
from itertools import product
from pathlib import Path

import numpy as np

from moe_theory import (
    SGD,
    ClusterSignal,
    DenseCNN,
    DigitPatches,
    DigitTasks,
    JointMoE,
    PatchPatterns,
    SampleMoE,
    SampleStudy,
    Search,
    SeparateMoE,
    Setting,
    SpuriousPatch,
    TaskPatterns,
    TokenChoiceMoE,
    TrainingStudy,
    choose_experts,
    choose_for_inputs,
    choose_patches,
    dispatch_entropy,
    train,
)
from moe_theory._versions import versions
from moe_theory.experiments.crossing import crossing
from moe_theory.inference import (
    QUANTIZERS,
    RELEASED_ORDERS,
    SCORES,
    Quantizer,
    expert_contributions,
    expert_scores,
    fine_tune,
    prune,
    quantize,
    released_bits,
    router_proficiency,
    unit_variances,
)
from moe_theory.inference import rounding_noise as noise
from moe_theory.statistics import fit_exponents

MODELS = {
    "dense": DenseCNN(21, init_std=0.1),
    "separate": SeparateMoE(2, 22, 3, init_std=0.1),
    "joint": JointMoE(3, 21, 4, init_std=0.1, router_init_std=0.1),
    "token": TokenChoiceMoE(3, 21, 2, 4, "score", init_std=0.1, router_init_std=0.1),
    "cubic": DenseCNN(21, "gaussian", 0.3, "cubic", "sum"),
    "sample": SampleMoE(3, 21, "cubic", noise="gaussian", init_std=0.3),
    "ungated": SampleMoE(3, 21, gate="none", init_std=0.1, router_init_std=0.1),
}
# Trained with fewer losses and data.
PRACTISED = {
    "balanced": TokenChoiceMoE(3, 28, 2, init_std=0.1, router_init_std=0.1, renormalize=True,
                               n_shared=1),
    "unbiased": TokenChoiceMoE(3, 28, 2, 4, "score", init_std=0.1, router_init_std=0.1,
                               gate="sigmoid", n_shared=1, noise="gaussian", noise_scale=0.1),
}  # fmt: skip
LOSSES, TYPES = ("logistic", "hinge"), ("float32", "float64")
PATTERNS = {
    "orthonormal": PatchPatterns(7, 9, 13),
    "closer": PatchPatterns(7, 17, 23, delta_d=0.3, n_closer=(3, 2), closeness=0.9),
    "spread": PatchPatterns(7, 9, 13, spread=0.1),
}
DATA = {**PATTERNS, "digits": DigitPatches(n_patches=7)}
FREQUENCIES = (0.2, 0.8)
OTHER_DATA = {
    "spurious": SpuriousPatch(PATTERNS["closer"], 0.9),
    "tasks": TaskPatterns(7, 9, 15, FREQUENCIES),
    "digit tasks": DigitTasks(DATA["digits"], frequencies=FREQUENCIES),
    "clusters": ClusterSignal(3, 7, 13),
}


def battery(words=()):
    """Yield the names of all parts that have these words, and the digests of each by name."""
    kinds = [*MODELS, *PRACTISED]
    made = {"data": samples}
    made |= {" ".join(at): partial(trainings, *at) for at in product(kinds, LOSSES, TYPES)}
    made["routings"] = routings
    smaller = product(("joint", "token", "sample"), TYPES)
    made |= {f"compressions {' '.join(at)}": partial(compressions, *at) for at in smaller}
    made |= {"thresholds": thresholds, "fits": fits}
    for part, make in made.items():
        if set(words) <= set(part.split()):
            yield part, make()


def samples():
    """Data of every kind."""
    drawn = {name: data.sample(30, 1) for name, data in {**DATA, **OTHER_DATA}.items()}
    return {
        f"data {name}": digest(own.dictionary, own.indices, own.labels)
        for name, own in drawn.items()
    }


def trainings(kind, loss, dtype):
    """A network trained by both engines, on all data that an engine takes."""
    found = {}
    model = {**MODELS, **PRACTISED}[kind]
    for name, engine in (("closer", "raw"), ("closer", "pattern"), ("digits", "raw"),
                         ("spread", "raw"), ("orthonormal", "pattern")):  # fmt: skip
        if loss == "hinge" and name in ("spread", "orthonormal"):
            continue
        if kind in PRACTISED and (loss, name) != ("logistic", "closer"):
            continue
        run, test = trained(model, DATA[name], loss, dtype, engine)
        where = f"{kind} {loss} {dtype} {name} {engine}"
        found[f"weights {where}"] = digest(*parts(run.weights))
        found[f"history {where}"] = digest(*parts(run.history))
        found[f"outputs {where}"] = digest(run.predict(test))
        if model.has_routers:
            found[f"routing {where}"] = digest(*parts(run.routing(test)), run.router_norm)
    return found


def trained(model, data, loss="logistic", dtype="float64", engine="auto", n_steps=40):
    """Return a run and the inputs that it was tested on."""
    normalised = model.activation == "cubic"
    rate = 0.05 if normalised else 0.3 * model.patches_per_expert(7)
    sgd = SGD(rate, 10, n_steps=n_steps, loss=loss, record=13, dtype=dtype,
              router_learning_rate=0.5, router_n_epochs=3, normalize_experts=normalised,
              balance_weight=0.1 if isinstance(model, SampleMoE) else 0.0)  # fmt: skip
    if model == PRACTISED["balanced"]:
        sgd = replace(sgd, balance_weight=0.1, z_weight=0.01)
    if model == PRACTISED["unbiased"]:
        sgd = replace(sgd, balance_weight=0.1, bias_rate=0.01, noise_steps=20)
    test = data.sample(40, 2, split="test")
    return train(model, data.sample(33, 1), sgd, 3, test=test, engine=engine), test


def routings():
    """All ways to route, by routers of both precisions."""
    data = PATTERNS["closer"].sample(40, 4)
    routers = np.random.default_rng(5).normal(size=(5, data.patch_dim))
    found = {}
    for dtype in TYPES:
        at = data.dictionary.astype(dtype), data.indices, routers.astype(dtype)
        found[f"route {dtype}"] = digest(*choose_patches(*at, 4))
        for priority in ("place", "score"):
            chosen = choose_experts(*at, 2, capacity=3, priority=priority)
            found[f"route_tokens {priority} {dtype}"] = digest(*chosen)
        noise = SampleMoE(5, 5, noise="gaussian").draw_noise(40, 6)
        chosen, gates = choose_for_inputs(*at, noise)
        entropy = dispatch_entropy(data.positions, chosen)
        found[f"route_inputs {dtype}"] = digest(chosen, gates, entropy)
    return found


def compressions(kind, dtype):
    """Scores, and networks that were pruned, tuned again and quantized."""
    found = {}
    run, test = trained(MODELS[kind], OTHER_DATA["tasks"], dtype=dtype)
    where = f"{kind} {dtype}"
    for score in SCORES:
        found[f"score {score} {where}"] = digest(expert_scores(run, score, data=test))
    kept = fine_tune(prune(run, 0.34, keep_routers=False), test, run.sgd, 6)
    found[f"prune {where}"] = digest(*parts(kept.weights), kept.predict(test))
    for bits, quantizer in ((3, None), (2, Quantizer(symmetric=False))):
        small = quantize(run, bits, quantizer=quantizer)
        outputs = small.predict(test), noise(run, bits, test, quantizer)
        found[f"quantize {bits} {where}"] = digest(small.weights.experts, *outputs)
    mixed = quantize(run, 2, allocation="rounding_noise", levels=(3, 2, 1), data=test)
    found[f"allocate {where}"] = digest(mixed.weights.experts)
    return found | released(run, test, where)


def released(run, test, where):
    """What is as in the papers' released code: quantizers, bits, routers that stay."""
    found = {}
    for name in ("least_squares", "gptq", "hqq"):
        small = [quantize(run, bits, quantizer=name, data=test) for bits in (1, 3)]
        grouped = replace(QUANTIZERS[name], symmetric=not QUANTIZERS[name].symmetric, group_size=7)
        small.append(quantize(run, 2, quantizer=grouped, data=test))
        outputs = [network.predict(test) for network in small]
        expected = noise(run, 3, test, name)
        weights = [network.weights.experts for network in small]
        found[f"{name} {where}"] = digest(*weights, *outputs, expected)
    bits = [released_bits(run, 2.0, order, data=test) for order in RELEASED_ORDERS]
    found[f"released bits {where}"] = digest(*bits, unit_variances(run, "largest_norm"))
    kept = fine_tune(prune(run, 0.34, keep_routers=True), test, run.sgd, 6)
    found[f"prune, routers kept {where}"] = digest(*parts(kept.weights), kept.predict(test))
    each = expert_contributions(run, test, (0, 2, 32), quantizer="gptq", calibration=test)
    found[f"contributions {where}"] = digest(each.values, router_proficiency(run, test, 0.3))
    return found


def thresholds():
    """N* and steps to an error, with their intervals."""
    sgd = SGD(1.0, 10, n_steps=40, record=5, stop_loss=0.1)
    settings = [Setting({"arm": kind}, PATTERNS["orthonormal"], MODELS[kind], sgd, 30)
                for kind in ("dense", "joint")]  # fmt: skip
    search = Search(n_max=64, n_draws=4, min_draws=6, max_draws=8, n_resamples=200)
    samples = SampleStudy(settings, (0.2, 0.1), search, n_test=100).run(progress=False)
    steps = TrainingStudy(settings, (0.2, 0.1), n_test=100, n_draws=4).run(progress=False)
    return {"samples": digest(samples.rows), "training time": digest(steps.rows)}


def fits():
    """Exponents and crossings of drawn measurements."""
    rng = np.random.default_rng(9)
    sizes = 2.0 ** np.arange(8)
    x = np.column_stack([sizes, rng.permutation(sizes)])
    values = x[:, 0] ** 1.3 * x[:, 1] ** -0.4 * np.exp(0.1 * rng.normal(size=8))
    errors = [0.5 / size**0.5 * rng.random(9) for size in sizes]
    crossed = crossing(sizes.tolist(), errors, 0.1)
    return {
        "fit": digest(*parts(fit_exponents(x, values))),
        "fit with errors": digest(*parts(fit_exponents(x, values, np.full(8, 0.1)))),
        "crossing": digest(crossed.value, crossed.low, crossed.high),
    }


def parts(value):
    """Return the numbers and arrays of a dataclass."""
    values = [getattr(value, field.name) for field in fields(value)]
    return [value for value in values if isinstance(value, np.ndarray | np.generic | int | float)]


def digest(*values):
    """Return 16 hexadecimal digits that tell the types, shapes and bytes of ``values``."""
    whole = hashlib.sha256()
    for value in values:
        if isinstance(value, np.ndarray):
            whole.update(f"{value.dtype.str} {value.shape} ".encode())
            whole.update(np.ascontiguousarray(value).tobytes())
        else:  # Python writes a float so that it is read back to the same bits
            whole.update(json.dumps(value, default=float).encode())
    return whole.hexdigest()[:16]


def against(path, words=()):
    """Compare with the digests in a file, say which differ, and return the exit status."""
    committed = json.loads(Path(path).read_text())
    left, n_found, wrong = dict(committed["digests"]), 0, []
    for part, digests in battery(words):
        differing = [name for name, value in digests.items() if left.pop(name, None) != value]
        print(f"{part}: {len(differing)} of {len(digests)} differ", file=sys.stderr)
        n_found += len(digests)
        wrong += differing
    if not n_found:
        print(f"no part of the battery has all of the words {words}")
        return 2
    if not words:
        wrong += left
    print(f"{len(wrong)} of {n_found} digests differ", *wrong, sep="\n  ")
    if wrong and committed["versions"] != versions():
        print(f"committed ones were made with {committed['versions']}, these with {versions()}")
    return int(bool(wrong))


if __name__ == "__main__":
    if sys.argv[1:]:
        sys.exit(against(sys.argv[1], sys.argv[2:]))
    digests = {name: value for _, part in battery() for name, value in part.items()}
    json.dump({"versions": versions(), "digests": digests}, sys.stdout, indent=1)
    print()
