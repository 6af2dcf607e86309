// Two maps: test error over l and N, with the boundary at ε; and what the best network saves over n and p/n.
(() => {
  "use strict";
  const moe = window.moeTheory;
  const { element, html, logScale, logTicks, number, axes, marker, path, titled } = moe.draw;
  const WIDTH = 440;
  const HEIGHT = 320;
  const [COLUMNS, ROWS] = [25, 13];

  // Which curve the map over l and N is of.
  const family = (state) =>
    state.map === "joint"
      ? { arm: "joint", k: state.k === "any" ? 8 : state.k }
      : { arm: "separate", k: 2 };

  function boundary(state, epsilon) {
    const { arm, k } = family(state);
    return moe
      .predictedNetworks(state.n, state.p, epsilon)
      .filter((network) => network.arm === arm && network.k === k)
      .map(({ l, samples }) => [l, samples[0]]);
  }

  function overSamples(state) {
    const { arm, k } = family(state);
    const levels = [...moe.data.epsilon].reverse(); // 20 % first
    const lines = levels.map((epsilon) => boundary(state, epsilon));
    const known = lines
      .flat()
      .map(([, samples]) => samples)
      .filter(Number.isFinite);
    const svg = element("svg", {
      viewBox: `0 0 ${WIDTH} ${HEIGHT}`,
      role: "img",
      "aria-label":
        `Map of test error of ${arm} training, k = ${k}, over patches per expert and samples. ` +
        boundary(state, state.epsilon)
          .map(([l, N]) => `l = ${l}: N* = ${number(N)}`)
          .join("; "),
    });
    const ls = lines[0].map(([l]) => l);
    const x = logScale(ls[0], Math.max(ls[ls.length - 1], 2), 62, WIDTH - 16);
    const y = logScale(Math.min(...known) * 0.7, Math.max(...known) * 1.3, HEIGHT - 48, 14);
    const inside = axes(svg, x, y, {
      xTicks: ls,
      yTicks: logTicks(y.low, y.high),
      xLabel: `patches per expert l (${arm}, k = ${k})`,
      yLabel: "training samples N",
    });
    inside.append(
      element("rect", {
        x: x.start,
        y: y.end,
        width: x.end - x.start,
        height: y.start - y.end,
        class: "region r0",
      }),
    );
    // Below the boundary of a small ε first, so that those of larger ones lie on it.
    [...lines].reverse().forEach((line, place) => {
      const points = line.map(([l, samples]) => [x(l), y(Math.min(samples, y.high))]);
      const corners = [
        [x.end, y.start],
        [x.start, y.start],
      ];
      inside.append(
        element("path", { d: `${path([...points, ...corners])}Z`, class: `region r${place + 1}` }),
      );
    });
    const bold = boundary(state, state.epsilon).filter(([, samples]) => samples <= y.high);
    inside.append(
      element("path", {
        d: path(bold.map(([l, samples]) => [x(l), y(samples)])),
        class: "boundary",
      }),
    );
    for (const point of moe.simulatedAt(state.n, state.p, state.epsilon)) {
      if (point.arm !== arm || point.n_experts !== k) continue;
      const [value, low, high] = point.samples;
      const at = x(point.n_routed);
      const bar = element("g", { class: "simulated plain" });
      bar.append(
        element("line", { x1: at, x2: at, y1: y(low), y2: y(Math.min(high, y.high)) }),
        marker("circle", at, y(value), 4.5, {}),
      );
      inside.append(titled(bar, `simulated: ${number(value)} [${number(low)}, ${number(high)}]`));
    }
    svg.append(...inside.querySelectorAll(".boundary"));
    return svg;
  }

  function samplesLegend() {
    const levels = [...moe.data.epsilon]
      .sort((a, b) => a - b)
      .map((epsilon) => number(100 * epsilon));
    const texts = [
      `below ${levels[0]} %`,
      ...levels.slice(1).map((level, i) => `${levels[i]} to ${level} %`),
      `above ${levels[levels.length - 1]} %`,
    ];
    const list = html("ul", { class: "legend" });
    texts.forEach((text, place) => {
      const box = element("svg", {
        viewBox: "0 0 24 14",
        width: 24,
        height: 14,
        "aria-hidden": "true",
      });
      // As in the map, regions lie on those of smaller errors.
      for (let under = 0; under <= place; under += 1)
        box.append(element("rect", { width: 24, height: 14, class: `region r${under}` }));
      list.append(html("li", {}, box, text));
    });
    return list;
  }

  // The best network of every cell, of those that `allowed` lets through.
  function cells(state, allowed) {
    const found = [];
    const [first, last] = [moe.data.sizes[0], moe.data.sizes[moe.data.sizes.length - 1]];
    const ratios = moe.data.ratios;
    for (let column = 0; column < COLUMNS; column += 1) {
      for (let row = 0; row < ROWS; row += 1) {
        const n = Math.round(first * (last / first) ** (column / (COLUMNS - 1)));
        const span = ratios[ratios.length - 1] / ratios[0];
        const p = Math.round(n * ratios[0] * span ** (row / (ROWS - 1)));
        const inside = Math.min(Math.max(p, ratios[0] * n), ratios[ratios.length - 1] * n);
        const best = moe.advise(n, inside, state.epsilon, state.goal).filter(allowed)[0];
        found.push({ column, row, n, p: inside, best });
      }
    }
    return found;
  }

  function overSettings(state, allowed, choose) {
    const found = cells(state, allowed);
    const savings = found.map(({ best }) => best.saving);
    const [least, most] = [Math.min(...savings), Math.max(...savings)];
    const svg = element("svg", {
      viewBox: `0 0 ${WIDTH} ${HEIGHT}`,
      role: "img",
      "aria-label": mapText(found, least, most),
    });
    const [left, right, bottom, top] = [62, WIDTH - 16, HEIGHT - 48, 14];
    const [wide, tall] = [(right - left) / COLUMNS, (bottom - top) / ROWS];
    const sizes = moe.data.sizes;
    const x = logScale(sizes[0], sizes[sizes.length - 1], left + wide / 2, right - wide / 2);
    const y = logScale(
      moe.data.ratios[0],
      moe.data.ratios[moe.data.ratios.length - 1],
      bottom - tall / 2,
      top + tall / 2,
    );
    const frame = { start: left, end: right };
    const inside = axes(
      svg,
      Object.assign((n) => x(n), frame),
      Object.assign((r) => y(r), { start: bottom, end: top }),
      {
        xTicks: sizes,
        yTicks: moe.data.ratios,
        xLabel: "patches per input n",
        yLabel: "irrelevant patterns per patch p/n",
      },
    );
    for (const cell of found) {
      const share = most > least ? Math.log(cell.best.saving / least) / Math.log(most / least) : 1;
      const box = element("rect", {
        x: left + cell.column * wide,
        y: bottom - (cell.row + 1) * tall,
        width: wide + 0.3,
        height: tall + 0.3,
        class: "cell",
        "fill-opacity": 0.08 + 0.87 * share,
        "data-best": `${cell.best.arm},${cell.best.k},${cell.best.l}`,
      });
      titled(
        box,
        `n = ${cell.n}, p = ${cell.p}: ${moe.words.called(cell.best)}, saves ${number(cell.best.saving)} times`,
      );
      box.addEventListener("click", () => choose(cell.n, cell.p));
      inside.append(box);
    }
    borders(inside, found, left, bottom, wide, tall);
    inside.append(
      element("circle", { cx: x(state.n), cy: y(state.p / state.n), r: 7, class: "best" }),
    );
    return { svg, legend: savingsLegend(state, least, most) };
  }

  // Lines between cells whose best networks differ, and their names where there is room.
  function borders(inside, found, left, bottom, wide, tall) {
    const at = new Map(found.map((cell) => [`${cell.column},${cell.row}`, cell]));
    const name = (cell) => `${cell.best.arm}, ${cell.best.k}, ${cell.best.l}`;
    const regions = new Map();
    for (const cell of found) {
      const [x, y] = [left + cell.column * wide, bottom - cell.row * tall];
      const beside = at.get(`${cell.column + 1},${cell.row}`);
      const above = at.get(`${cell.column},${cell.row + 1}`);
      if (beside && name(beside) !== name(cell))
        inside.append(
          element("line", { x1: x + wide, x2: x + wide, y1: y, y2: y - tall, class: "border" }),
        );
      if (above && name(above) !== name(cell))
        inside.append(
          element("line", { x1: x, x2: x + wide, y1: y - tall, y2: y - tall, class: "border" }),
        );
      regions.set(name(cell), [...(regions.get(name(cell)) || []), cell]);
    }
    for (const own of regions.values()) {
      if (own.length < 14) continue;
      const middle = (of) => own.reduce((sum, cell) => sum + of(cell), 0) / own.length;
      const { arm, k, l } = own[0].best;
      const texts = arm === "dense" ? [arm] : [arm, `k = ${k}, l = ${l}`];
      texts.forEach((text, line) => {
        inside.append(
          element(
            "text",
            {
              x: left + (middle((c) => c.column) + 0.5) * wide,
              y: bottom - (middle((c) => c.row) + 0.5) * tall + 13 * line,
              "text-anchor": "middle",
              class: "region-name",
            },
            text,
          ),
        );
      });
    }
  }

  function savingsLegend(state, least, most) {
    const list = html("ul", { class: "legend" });
    for (const share of [0, 0.5, 1]) {
      const box = element("svg", {
        viewBox: "0 0 24 14",
        width: 24,
        height: 14,
        "aria-hidden": "true",
      });
      box.append(
        element("rect", {
          width: 24,
          height: 14,
          class: "cell",
          "fill-opacity": 0.08 + 0.87 * share,
        }),
      );
      list.append(
        html(
          "li",
          {},
          box,
          `${number(least * (most / least) ** share)} times fewer ${state.goal === "samples" ? "samples" : "operations"}`,
        ),
      );
    }
    return list;
  }

  function mapText(found, least, most) {
    const counts = new Map();
    for (const { best } of found)
      counts.set(moe.words.called(best), (counts.get(moe.words.called(best)) || 0) + 1);
    const each = [...counts]
      .sort((a, b) => b[1] - a[1])
      .slice(0, 5)
      .map(([name, count]) => `${name} in ${Math.round((100 * count) / found.length)} %`);
    return `Map over n and p/n of what the best network saves over the dense one: ${number(least)} to ${number(most)} times. Best is ${each.join("; ")} of the settings.`;
  }

  moe.maps = { overSamples, samplesLegend, overSettings };
})();
