// N*(l) and operations of every network: predicted with intervals, simulated, and the slopes of the bounds.
(() => {
  "use strict";
  const moe = window.moeTheory;
  const { element, html, logScale, logTicks, number, axes, marker, path, titled } = moe.draw;
  const SHAPES = { dense: "circle", separate: "square", joint: "triangle" };
  const WIDTH = 440;
  const HEIGHT = 340;
  const LABELS = { samples: "training samples N*", flops: "operations of training" };

  const look = ({ arm, k }) => (arm === "joint" ? `joint k${k}` : arm);
  const nameOf = ({ arm, k }) => (arm === "dense" ? "dense" : `${arm}, k = ${k}`);

  // Networks by curve: those of one arm and k, in rising l.
  function families(networks) {
    const found = new Map();
    for (const network of networks) {
      const name = nameOf(network);
      if (!found.has(name)) found.set(name, []);
      found.get(name).push(network);
    }
    return [...found].map(([name, own]) => ({ name, own: own.sort((a, b) => a.l - b.l) }));
  }

  function range(networks, points, goal) {
    const values = networks.flatMap((network) => network[goal]);
    values.push(...points.flatMap((point) => point[goal] || []));
    const known = values.filter((value) => Number.isFinite(value) && value > 0);
    return [Math.min(...known) * 0.75, Math.max(...known) * 1.4];
  }

  // The interval of a curve as a band; where no upper end is known it goes to the top.
  function band(inside, known, goal, x, y) {
    const top = (value) => y(Math.min(value, y.high));
    const upper = known.map((network) => [x(network.l), top(network[goal][2])]);
    const lower = known.map((network) => [x(network.l), y(network[goal][1])]).reverse();
    inside.append(
      element("path", { d: `${path([...upper, ...lower])}Z`, class: `band ${look(known[0])}` }),
    );
  }

  // The growth that a bound allows, from the first point that was predicted.
  function slope(inside, known, goal, x, y, at) {
    const first = known[0];
    const constant = first[goal][0] / moe.bound(goal, at.n, at.p, at.epsilon, first);
    const points = [];
    for (let step = 0; step <= 40; step += 1) {
      const l = first.l * (known[known.length - 1].l / first.l) ** (step / 40);
      const value = constant * moe.bound(goal, at.n, at.p, at.epsilon, { ...first, l });
      if (value > y.high) break;
      points.push([x(l), y(value)]);
    }
    inside.append(element("path", { d: path(points), class: `bound ${look(first)}` }));
  }

  function dense(inside, network, goal, x, y) {
    const [value, low, high] = network[goal];
    const top = y(Math.min(high, y.high));
    inside.append(
      element("rect", {
        x: x.start,
        width: x.end - x.start,
        y: top,
        height: y(low) - top,
        class: "band dense",
      }),
      element("line", { x1: x.start, x2: x.end, y1: y(value), y2: y(value), class: "curve dense" }),
      titled(
        marker("circle", x(network.l), y(value), 4, { class: "mark dense" }),
        said(network, goal),
      ),
    );
  }

  function said(network, goal) {
    const [value, low, high] = network[goal];
    const where = network.arm === "dense" ? "dense" : `${nameOf(network)}, l = ${network.l}`;
    return `${where}: ${number(value)} [${number(low)}, ${number(high)}]`;
  }

  function simulated(inside, points, goal, x, y) {
    for (const point of points.filter((known) => known[goal])) {
      const [value, low, high] = point[goal];
      const at = x(point.n_routed);
      const network = {
        arm: point.arm,
        k: point.n_experts,
        l: point.n_routed,
        [goal]: [value, low, high],
      };
      const style = look(network);
      const bar = element("g", { class: `simulated ${style}` });
      bar.append(
        element("line", {
          x1: at,
          x2: at,
          y1: y(Math.max(low, y.low)),
          y2: y(Math.min(high, y.high)),
        }),
        marker(SHAPES[point.arm], at, y(value), 5, {}),
      );
      inside.append(titled(bar, `simulated, ${said(network, goal)}`));
    }
  }

  function panel(goal, state, networks, best) {
    const shown = networks.filter(
      ({ arm, k, samples }) =>
        (arm !== "joint" || state.k === "any" || k === state.k) && Number.isFinite(samples[0]),
    );
    const points = moe
      .simulatedAt(state.n, state.p, state.epsilon)
      .filter(({ arm, n_experts: k }) => arm !== "joint" || state.k === "any" || k === state.k);
    const svg = element("svg", {
      viewBox: `0 0 ${WIDTH} ${HEIGHT}`,
      role: "img",
      "aria-label": summary(goal, state, shown, best),
    });
    const x = logScale(0.9, state.n * 1.1, 62, WIDTH - 24);
    const y = logScale(...range(shown, points, goal), HEIGHT - 48, 14);
    const ticks = [1, 2, 4, 8, 16, 32, 64, 128].filter((l) => l < state.n / 1.3);
    const inside = axes(svg, x, y, {
      xTicks: [...ticks, state.n],
      yTicks: logTicks(y.low, y.high),
      xLabel: "patches per expert l",
      yLabel: `${LABELS[goal]} to ε = ${number(100 * state.epsilon)} %`,
      xText: (l) => (l === state.n ? `n = ${l}` : String(l)),
    });
    if (state.l !== "best" && state.l <= state.n) {
      inside.append(
        element("line", { x1: x(state.l), x2: x(state.l), y1: y.start, y2: y.end, class: "guide" }),
      );
    }
    for (const { own } of families(shown)) {
      if (own[0].arm === "dense") {
        dense(inside, own[0], goal, x, y);
        continue;
      }
      band(inside, own, goal, x, y);
      slope(inside, own, goal, x, y, state);
      inside.append(
        element("path", {
          d: path(own.map((one) => [x(one.l), y(one[goal][0])])),
          class: `curve ${look(own[0])}`,
        }),
      );
      for (const one of own) {
        const mark = marker(SHAPES[one.arm], x(one.l), y(one[goal][0]), 3.5, {
          class: `mark ${look(one)}`,
        });
        inside.append(titled(mark, said(one, goal)));
      }
    }
    simulated(inside, points, goal, x, y);
    if (goal === state.goal) markBest(inside, best, goal, x, y);
    return svg;
  }

  function markBest(inside, best, goal, x, y) {
    const [left, top] = [x(best.l), y(best[goal][0])];
    const right = left > x.end - 60;
    inside.append(
      element("circle", {
        cx: left,
        cy: top,
        r: 10,
        class: "best",
        "data-best": `${best.arm},${best.l},${best.k}`,
      }),
      element(
        "text",
        {
          x: left + (right ? -14 : 14),
          y: top + 18,
          "text-anchor": right ? "end" : "start",
          class: "best-text",
        },
        "best",
      ),
    );
  }

  function summary(goal, state, shown, best) {
    const what = goal === "samples" ? "Predicted samples" : "Predicted operations";
    const each = families(shown).map(({ own }) =>
      said([...own].sort((a, b) => a[goal][0] - b[goal][0])[0], goal),
    );
    const chosen = goal === state.goal ? ` Best: ${said(best, goal)}.` : "";
    return `${what} against l. Least of each network: ${each.join("; ")}.${chosen} All numbers are in the table below.`;
  }

  function legend(state, networks) {
    const list = html("ul", { class: "legend" });
    const swatch = (content) =>
      element(
        "svg",
        { viewBox: "0 0 34 14", width: 34, height: 14, "aria-hidden": "true" },
        ...content,
      );
    const add = (picture, text) => list.append(html("li", {}, swatch(picture), text));
    for (const { name, own } of families(networks)) {
      const [first] = own;
      if (first.arm === "joint" && state.k !== "any" && first.k !== state.k) continue;
      const style = look(first);
      add(
        [
          element("line", { x1: 1, x2: 33, y1: 7, y2: 7, class: `curve ${style}` }),
          marker(SHAPES[first.arm], 17, 7, 3.5, { class: `mark ${style}` }),
        ],
        name,
      );
    }
    add(
      [element("rect", { x: 1, y: 2, width: 32, height: 10, class: "band plain" })],
      "interval of the prediction",
    );
    add(
      [element("line", { x1: 1, x2: 33, y1: 7, y2: 7, class: "bound plain" })],
      "growth that the bound allows",
    );
    const example = element(
      "g",
      { class: "simulated plain" },
      element("line", { x1: 17, x2: 17, y1: 0, y2: 14 }),
      marker("circle", 17, 7, 4.5, {}),
    );
    add([example], "simulated, 95 %");
    return list;
  }

  moe.curves = { panel, legend, families, nameOf, look };
})();
