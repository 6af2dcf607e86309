"""How many samples a step, and how many steps, routers need to keep the patch of *every* input.

Routers alone, as the router lemma of P23 trains them: T_r steps on batches of B_r fresh samples at
the rate η_r = 1/n. B_r grows at T_r fixed, or T_r at B_r fixed (lines "steps"). The experts, which
play no part, take one step.

Kinds of data, by ``line``: "many", as many irrelevant patterns as patches, p = n; "fixed", p = 16;
"one", all irrelevant patches alike, p = 1, and labels drawn at random, as batches of independent
samples have them (elsewhere classes are balanced); "follow", "many" with T_r in proportion to
1/(1 − δ_d); "l_star", closer patterns, at most l* − 1 in an input; "near", the same with patterns
that are not quite as close as the discriminative one.
"""

from collections.abc import Iterator
from itertools import product

import numpy as np

from moe_theory import SGD, PatchPatterns, SeparateMoE, Setting, Sweep
from moe_theory.routing import choose_patches

# l at which the patches lost are counted.
LEVELS = (1, 2, 4, 8, 16)
STEPS = 2  # T_r where it is fixed
BATCH = 32  # B_r where it is fixed, at δ_d = 0
N_START = 8  # n at which the large start is as it is said
SMALL_START, LARGE_START = 1e-4, 0.2
STEP_LINES = ("steps", "small_start")
FACTORS = {
    "one": (0.5, 0.75, 1.1, 1.6, 2.3, 3.2),
    "l_star": (0.25, 0.5, 0.8, 1.0, 1.25, 1.6, 2.0),
    "near": (0.4, 0.6, 0.85, 1.2, 1.8),
    "steps": (0.75, 0.9, 1.05, 1.25, 1.5),
    "small_start": (0.75, 0.9, 1.05, 1.25, 1.5),
}
USUAL = (0.5, 0.7, 0.85, 1.0, 1.2, 1.45, 1.8)


def experiment(scale: str) -> Sweep:
    quick = scale == "quick"
    settings = {}
    for at in points(quick):
        for factor in FACTORS.get(at["line"], USUAL)[:: 2 if quick else 1]:
            made = setting(at, max(1, round(factor * expected(**at))))
            settings[str(made.labels)] = made
    return Sweep(list(settings.values()), n_test=400, n_draws=16 if quick else 160, measure=measure)


def points(quick: bool) -> Iterator[dict]:
    """Yield the settings, without B_r and T_r."""
    usual = {"part": 1.0, "l_star": 1, "closeness": 1.0}
    sizes = {
        "many": (8, 16, 32, 64, 128),
        "fixed": (8, 16, 32, 64, 128),
        "one": (8, 16, 32, 64),
        "steps": (8, 16, 32, 64),
        "small_start": (8, 16, 32, 64),
    }
    for line, ns in sizes.items():
        # Where n is small, p = 1 takes (2n − 3 − δ_d)² samples: a low δ_d makes this near n².
        own = {"part": 1.9} if line == "one" else {}
        yield from (
            {**usual, **own, "line": line, "n_patches": n} for n in ns[: 3 if quick else None]
        )
    parts = (0.5, 0.25) if quick else (0.5, 0.25, 0.125)
    for (line, n), part in product({"many": 16, "steps": N_START, "follow": 16}.items(), parts):
        yield {**usual, "line": line, "n_patches": n, "part": part}
    for part in (1.0, 0.5) if quick else (1.0, 0.5, 0.25):
        yield {**usual, "line": "one", "n_patches": 8, "part": part}
    closer = {**usual, "n_patches": 32}
    for l_star in (2, 4, 8) if quick else (2, 4, 8, 16):
        yield {**closer, "line": "l_star", "l_star": l_star, "closeness": 1.25}
    for closeness in (0.75, 0.875) if quick else (0.75, 0.875, 0.9375):
        yield {**closer, "line": "near", "closeness": closeness}


def expected(line: str, n_patches: int, part: float, l_star: int, closeness: float) -> float:
    """Return about what is needed, B_r or T_r, to know where to look."""
    if line in STEP_LINES:
        return 11 * (n_patches / N_START if line == "steps" else 1) / part
    samples = 6.5 * np.log2(n_patches) / part**2
    if line == "fixed":
        samples = 1.75 * n_patches
    if line == "one":
        samples = 2.7 * ((2 * n_patches - 4 + part) / part) ** 2
    if line == "near":
        samples = 15 + 3 / (1 - closeness) ** 2
    return samples / n_steps(line, part)


def n_steps(line: str, part: float) -> int:
    """Return T_r where B_r is sought."""
    return round(STEPS / part) if line == "follow" else STEPS


def setting(at: dict, size: int) -> Setting:
    """Return the training with B_r or T_r = ``size``."""
    n, part, line = at["n_patches"], at["part"], at["line"]
    batch, steps = size, n_steps(line, part)
    if line in STEP_LINES:
        batch, steps = round(BATCH / part), size
    start = {"steps": LARGE_START, "small_start": N_START * LARGE_START / n}.get(line, SMALL_START)
    sgd = SGD(1.0, batch_size=1, n_steps=1, router_batch_size=batch, router_n_steps=steps,
              router_learning_rate=1 / n)  # fmt: skip
    labels = {"line": line, "n_patches": n, "delta_d": 1 - part, "l_star": at["l_star"],
              "closeness": at["closeness"], "size": size}  # fmt: skip
    model = SeparateMoE(2, 64, 1, router_init_std=start)
    # One group for each point: none shares the draws of another.
    group = " ".join(map(str, at.values()))
    return Setting(labels, patterns(at), model, sgd, batch * steps, group=group)


def patterns(at: dict) -> PatchPatterns:
    """Return the data of a point."""
    n, line = at["n_patches"], at["line"]
    p = {"fixed": 16, "one": 1}.get(line, n)
    plain = PatchPatterns(n, p, p + 2, delta_d=1 - at["part"], balanced=line != "one")
    if line not in ("l_star", "near"):
        return plain
    # Near patterns may be seven in an input, so that l = 8 is safe of them.
    limit = at["l_star"] - 1 if line == "l_star" else 7
    return PatchPatterns(n, p, p + 2, n_closer=(1, 1), closeness=at["closeness"], max_closer=limit)


def measure(run, test, train):
    """Return which patterns are ahead, and the parts of inputs that lose their patch.

    ``lost`` is by l; the others, of fresh and of the routers' own inputs, by class, at l = 1.
    """
    routers = run.weights.routers
    kept = kept_at(test, routers, [level for level in LEVELS if level < test.n_patches])
    own = kept_at(train, routers, [1])[0]
    return {
        "ahead": ahead(test, routers),
        "lost": [1 - float(each.mean()) for each in kept],
        "fresh_lost": [1 - float(kept[0][test.labels == y].mean()) for y in (1, -1)],
        "own_lost": [1 - float(own[train.labels == y].mean()) for y in (1, -1)],
    }


def kept_at(data, routers, levels):
    """Return whether the expert of the class keeps the discriminative patch of each input, by l."""
    dictionary = data.dictionary.astype(routers.dtype)
    best = choose_patches(dictionary, data.indices, routers, levels[-1])[0]
    chosen = best[np.arange(data.n_samples), (data.labels < 0).astype(int)]
    hit = chosen == data.positions[:, None]
    return [hit[:, :level].any(axis=1) for level in levels]


def ahead(data, routers):
    """Return by class how many patterns are ahead: closer ones, those of the other class, neutral.

    Every pattern is held against the discriminative one in an input of these two patches.
    """
    dictionary, p = data.dictionary.astype(routers.dtype), data.n_patterns - 2
    lean = (dictionary[2:] * (dictionary[0] - dictionary[1])).sum(axis=1)
    counts = []
    for y, sign in ((0, 1), (1, -1)):
        pairs = np.stack([np.full(p, y), np.arange(2, p + 2)], axis=1).astype(np.int32)
        wins = choose_patches(dictionary, pairs, routers, 1)[0][:, y, 0] == 1
        groups = (sign * lean > 1e-3, sign * lean < -1e-3, np.abs(lean) <= 1e-3)
        counts.append([int((wins & group).sum()) for group in groups])
    return counts
