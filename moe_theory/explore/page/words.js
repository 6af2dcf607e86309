// What the page says: the answer and its reason, what the bounds say, and the numbers as tables.
(() => {
  "use strict";
  const moe = window.moeTheory;
  const { html, number } = moe.draw;
  const { families, nameOf } = moe.curves;
  const WHAT = { samples: "training samples", flops: "operations" };
  const TITLES = {
    dense: "the dense network",
    separate: "separate training",
    joint: "joint training",
  };

  const interval = (value, low, high) => `${number(value)} [${number(low)}, ${number(high)}]`;
  const unbroken = (text) => text.replace(/ = /g, "\u00a0=\u00a0");
  const called = ({ arm, k, l }) =>
    arm === "dense" ? TITLES.dense : unbroken(`${TITLES[arm]} with k = ${k}, l = ${l}`);
  const capital = (text) => text[0].toUpperCase() + text.slice(1);
  const times = (ratio) =>
    ratio >= 1 ? `${number(ratio)} times fewer` : `${number(1 / ratio)} times more`;

  const chosenAt = ({ l }) => (l === "best" ? "" : unbroken(` at l = ${l}`));

  function answer(state, considered, all) {
    const [best] = considered;
    const dense = all.find(({ arm }) => arm === "dense");
    const { goal } = state;
    const lead = html("p", { class: "answer" }, html("strong", {}, `Best${chosenAt(state)}: ${called(best)}.`));
    const amount = `${interval(...best[goal])} ${WHAT[goal]}`;
    if (best === dense) {
      lead.append(` It needs ${amount}; no MoE that you allow needs fewer.`);
    } else {
      const other = goal === "flops" ? `, with ${interval(...best.samples)} samples` : "";
      lead.append(
        ` It needs ${amount}${other}: ${times(best.saving)} than the dense network, which needs ${interval(...dense[goal])}.`,
      );
    }
    return [
      lead,
      html("p", {}, why(state, best, dense, all)),
      html("p", {}, asGood(state, considered, best)),
    ];
  }

  function why(state, best, dense, all) {
    const own = all
      .filter(({ arm, k }) => arm === best.arm && k === best.k)
      .sort((a, b) => a.l - b.l);
    if (best.arm === "dense") return "Why: what the routers cost is more than what they spare.";
    return state.goal === "samples"
      ? whySamples(state, best, own)
      : whyOperations(state, best, dense);
  }

  function whySamples(state, best, own) {
    const [first, last] = [own[0], own[own.length - 1]];
    const at = ({ l, samples }) => `${number(samples[0])} at l = ${l}`;
    if (best.arm === "separate") {
      const worse = last.l > best.l ? `: N* is ${at(best)}, and ${at(last)}` : "";
      return `Why: an expert sees only ${best.l} of ${state.n} patches, so that few accidents of irrelevant patterns are left to learn. Frozen routers that let more through let those accidents through, too${worse}.`;
    }
    const along = first.l < best.l ? `: N* is ${at(first)} and ${at(best)}` : "";
    const further = last.l > best.l ? `; it is ${at(last)}` : ", the largest l that is tabulated";
    return `Why: gates give patches that tell nothing little weight, so that a large l costs no samples; and the larger l, the fewer routers, which start at random, miss the patch that tells the label${along}${further}.`;
  }

  function whyOperations(state, best, dense) {
    const steps = dense.steps / best.steps;
    const each = dense.flops[0] / dense.steps / (best.flops[0] / best.steps);
    const share = `an expert works on ${best.l} of ${state.n} patches`;
    const routers =
      best.arm === "joint"
        ? `, though ${best.k} routers score them all in every step`
        : ", and its frozen routers cost little";
    return `Why: ${share}${routers}. A step, with its part of the routers, takes ${times(each)} operations than a step of the dense network, and training takes ${times(steps)} steps.`;
  }

  function asGood(state, considered, best) {
    const { goal } = state;
    const close = considered.filter((one) => one !== best && moe.mayBeAsGood(goal, best, one));
    const names = close.slice(0, 3).map((one) => `${called(one)} (${number(one[goal][0])})`);
    const more = close.length > 3 ? `, and ${close.length - 3} more` : "";
    const width = Math.round(100 * (Math.exp(moe.data.offBy[goal][best.arm]) - 1));
    const claim = `Of predictions for ${TITLES[best.arm]}, 95 % were within ${width} % of simulation.`;
    if (!close.length) return `${claim} No other network that you allow comes that close.`;
    return `${claim} As good, as far as predictions tell: ${names.join("; ")}${more}.`;
  }

  function bounds(state, all) {
    const { goal } = state;
    const dense = `Dense: of the order of ${moe.data.boundTexts[goal].dense} suffice.`;
    const list = html("ul", {}, html("li", {}, dense));
    for (const { name, own } of families(all)) {
      const [first] = own;
      if (
        first.arm === "dense" ||
        (first.arm === "joint" && state.k !== "any" && first.k !== state.k)
      )
        continue;
      const last = own[own.length - 1];
      const best = [...own].sort((a, b) => a[goal][0] - b[goal][0])[0];
      const allowed = bound(state, last) / bound(state, first);
      const found = last[goal][0] / first[goal][0];
      list.append(
        html(
          "li",
          {},
          `${capital(name)}: of the order of ${moe.data.boundTexts[goal][first.arm]} suffice. So the smallest l would be best, and from l = ${first.l} to ${last.l} ${WHAT[goal]} may grow by a factor of ${number(allowed)}. Predicted: a factor of ${number(found)}, and l = ${best.l} is best.`,
        ),
      );
    }
    const chosen = [...all].sort((a, b) => bound(state, a) - bound(state, b))[0];
    const text = `By the bounds alone, were their constants equal, one would take ${called(chosen)}, with ${number(promised(state, chosen))} times fewer ${WHAT[goal]} than the dense network; predicted are ${times(chosen.saving)}. Bounds are amounts that suffice, up to constants that are not published: they give no N, only growth, and needing less contradicts nothing.`;
    return [list, html("p", {}, text)];
  }

  const bound = (state, network) => moe.bound(state.goal, state.n, state.p, state.epsilon, network);
  const promised = (state, network) =>
    bound(state, { arm: "dense", l: state.n, k: 1 }) / bound(state, network);

  function row(state, network, points) {
    const { arm, k, l } = network;
    const point = points.find(
      (one) => one.arm === arm && one.n_experts === k && one.n_routed === l,
    );
    return [
      nameOf(network),
      arm === "dense" ? `n = ${l}` : String(l),
      interval(...network.samples),
      point ? interval(...point.samples) : "–",
      interval(...network.flops),
      number(network.saving),
      number(promised(state, network)),
    ];
  }

  function table(state, networks, best, caption) {
    const points = moe.simulatedAt(state.n, state.p, state.epsilon);
    const heads = [
      "network",
      "l",
      "N* predicted",
      "N* simulated",
      "operations",
      "dense ÷ this",
      "by the bounds",
    ];
    const made = html("table", {}, html("caption", {}, caption));
    made.append(
      html("thead", {}, html("tr", {}, ...heads.map((text) => html("th", { scope: "col" }, text)))),
    );
    const lines = networks.map((network) => {
      const [first, ...rest] = row(state, network, points);
      const line = html(
        "tr",
        network === best ? { class: "chosen" } : {},
        html("th", { scope: "row" }, first),
      );
      line.append(...rest.map((text) => html("td", {}, text)));
      return line;
    });
    made.append(html("tbody", {}, ...lines));
    return html(
      "div",
      { class: "scrolls", tabindex: "0", role: "region", "aria-label": caption },
      made,
    );
  }

  // The best l of each network: the table that is always shown.
  function summary(state, considered, best) {
    const each = families(considered).map(
      ({ own }) => [...own].sort((a, b) => a[state.goal][0] - b[state.goal][0])[0],
    );
    const at = state.l === "best" ? "the best l" : `l = ${state.l}`;
    return table(
      state,
      each,
      best,
      `Each network at ${at}: predicted [interval], and ${WHAT[state.goal]} of the dense network over its own, predicted and by the bounds`,
    );
  }

  moe.words = { answer, bounds, table, summary, called };
})();
