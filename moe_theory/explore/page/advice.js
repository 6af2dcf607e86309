// What moe_theory/advice does, line by line. No drawing here.
(() => {
  "use strict";
  const moe = window.moeTheory;
  const { data, costs } = moe;

  // `samples_and_steps`: the N at which errors fall to ε and the steps there, linear in logarithms.
  function samplesAndSteps(curve, epsilon) {
    const sizes = curve.sizes.map(Math.log);
    const steps = curve.steps.map(Math.log);
    const wanted = Math.log(epsilon);
    let least = Infinity;
    // A prediction has noise of its own; what more samples spoil is taken for noise.
    const falling = curve.errors.map((error) =>
      Math.log((least = Math.min(least, Math.max(error, 1e-4)))),
    );
    const place = falling.findIndex((error) => error <= wanted);
    if (place < 0) return [Infinity, Math.exp(steps[steps.length - 1])];
    const before = Math.max(place - 1, 0);
    const share = place > 0 ? (falling[place] - wanted) / (falling[place] - falling[before]) : 0;
    return [sizes, steps].map((axis) =>
      Math.exp(axis[place] + share * (axis[before] - axis[place])),
    );
  }

  // Where a value lies on an axis: the place of the lower neighbour, and the share of the upper one.
  function between(axis, value) {
    let low = 0;
    while (low < axis.length - 2 && axis[low + 1] <= value) low += 1;
    return [low, (value - axis[low]) / (axis[low + 1] - axis[low])];
  }

  const remembered = new Map();
  // Logarithms of N* and steps of a network at all points of the table, for one ε.
  function corners(key, epsilon) {
    const name = `${key};${epsilon}`;
    if (!remembered.has(name)) {
      if (remembered.size > 4000) remembered.clear();
      const own = data.curves[key];
      const sizes = data.sizes.filter((n) => `${n},${data.ratios[0]}` in own);
      const at = sizes.map((n) =>
        data.ratios.map((ratio) => {
          const found = samplesAndSteps(own[`${n},${ratio}`], epsilon);
          // 0 · ∞ would make the neighbours of an infinite corner NaN.
          return found.map((value) => Math.min(Math.log(value), 1e9));
        }),
      );
      remembered.set(name, { sizes: sizes.map(Math.log), at });
    }
    return remembered.get(name);
  }

  const logRatios = data.ratios.map(Math.log);
  // `_interpolated`: N* and steps, their logarithms being linear in log n and log p/n.
  function interpolated(key, n, p, epsilon) {
    const { sizes, at } = corners(key, epsilon);
    const [i, u] = between(sizes, Math.log(n));
    const [j, v] = between(logRatios, Math.log(p / n));
    const [samples, steps] = [0, 1].map(
      (which) =>
        (1 - u) * (1 - v) * at[i][j][which] +
        (1 - u) * v * at[i][j + 1][which] +
        u * (1 - v) * at[i + 1][j][which] +
        u * v * at[i + 1][j + 1][which],
    );
    return [samples < 1e3 ? Math.exp(samples) : Infinity, Math.exp(steps)];
  }

  // `flops_of`: operations of a training with N* samples, those of routers included.
  function flopsOf(n, p, network, samples, steps) {
    const at = {
      batch_size: Math.min(data.batchSize, samples),
      n_routed: network.l,
      n_experts: network.k,
      n_hidden: data.nHidden,
      n_patches: n,
      n_samples: samples,
      patch_dim: p + 2,
    };
    if (network.arm === "joint") return steps * costs.joint_step(at);
    let total = steps * costs.fixed_step(at);
    if (network.arm === "separate") {
      const routerSteps = data.routerEpochs * Math.ceil(samples / data.batchSize);
      total += routerSteps * costs.router_step(at) + costs.patch_sums(at) + costs.patch_scores(at);
    }
    return total;
  }

  // A value with the ends of its 95 % interval: how far predictions of such networks were off.
  function ends(goal, arm, value) {
    const factor = Math.exp(data.offBy[goal][arm]);
    return [value, value / factor, value * factor];
  }

  // All networks at one setting; `samples` and `flops` are [value, low, high].
  function predictedNetworks(n, p, epsilon) {
    const place = data.sizes
      .slice(0, -1)
      .filter((known) => known <= n)
      .pop();
    return data.networks[place].map(([arm, l, k]) => {
      const network = { arm, l: arm === "dense" ? n : l, k };
      const key = `${arm},${arm === "dense" ? 0 : l},${k}`;
      const [samples, steps] = interpolated(key, n, p, epsilon);
      const known = Number.isFinite(samples);
      const flops = known ? flopsOf(n, p, network, samples, steps) : Infinity;
      return {
        ...network,
        steps,
        samples: ends("samples", arm, samples),
        flops: ends("flops", arm, flops),
      };
    });
  }

  // `advise`: networks that reach ε, best first, each with what it saves over the dense one.
  function advise(n, p, epsilon, goal) {
    const known = predictedNetworks(n, p, epsilon).filter(({ samples }) =>
      Number.isFinite(samples[0]),
    );
    const dense = known.find(({ arm }) => arm === "dense");
    const other = goal === "samples" ? "flops" : "samples";
    for (const network of known) network.saving = dense[goal][0] / network[goal][0];
    return known.sort((a, b) => a[goal][0] - b[goal][0] || a[other][0] - b[other][0]);
  }

  // Whether a network may be as good as the best one, predictions of both being off independently.
  const mayBeAsGood = (goal, best, other) =>
    Math.log(other[goal][0] / best[goal][0]) <=
    Math.hypot(data.offBy[goal][best.arm], data.offBy[goal][other.arm]);

  // What a bound says of a network, up to its constant.
  function bound(goal, n, p, epsilon, network) {
    return moe.bounds[goal][network.arm]({
      n_patches: n,
      n_routed: network.l,
      n_experts: network.k,
      n_hidden: data.nHidden,
      batch_size: data.batchSize,
      patch_dim: p + 2,
      epsilon,
    });
  }

  // Simulated points at exactly this setting.
  function simulatedAt(n, p, epsilon) {
    return data.simulated.filter(
      (point) =>
        point.n_patches === n &&
        point.n_irrelevant === p &&
        Math.abs(point.epsilon - epsilon) < 1e-9,
    );
  }

  Object.assign(moe, { predictedNetworks, advise, mayBeAsGood, bound, simulatedAt });
})();
