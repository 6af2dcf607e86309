// Training, seen: what a recorded network has learned of each pattern after so many steps, and which patches it receives.
(() => {
  "use strict";
  const moe = window.moeTheory;
  const { element, html, logScale, linearScale, number, axes, path, titled, round } = moe.draw;
  const CELL = 20;
  const percent = (value) => `${number(100 * value)} %`;

  // A name of a pattern: the two that tell the label come first.
  const patternName = (film, pattern) => {
    const place = film.discriminative.indexOf(pattern);
    return place >= 0 ? `o${"₁₂"[place]}` : `q${film.irrelevant.indexOf(pattern) + 1}`;
  };
  const kind = (film, pattern) => ["one", "two"][film.discriminative.indexOf(pattern)] || "other";

  // Inputs as rows of patches; below each, what every expert receives, as strong as its gate.
  function routes(film, network, frame) {
    const experts = network.routes ? network.routes[0][0].length : 1;
    const n = film.inputs[0].patterns.length;
    const [left, height] = [74, CELL + 6 + experts * 13 + 14];
    const svg = element("svg", {
      viewBox: `0 0 ${left + n * CELL + 4} ${4 * height}`,
      role: "img",
      "aria-label": routesText(film, network, frame),
    });
    film.inputs.forEach((input, row) => {
      const top = row * height + 2;
      svg.append(
        element(
          "text",
          { x: 0, y: top + 15, class: "label" },
          `y = ${input.label > 0 ? "+1" : "−1"}`,
        ),
      );
      input.patterns.forEach((pattern, place) => {
        const x = left + place * CELL;
        const box = element("rect", {
          x: x + 1,
          y: top,
          width: CELL - 2,
          height: CELL - 2,
          class: `patch ${kind(film, pattern)}`,
        });
        svg.append(
          titled(box, `patch ${place + 1}: ${patternName(film, pattern)}`),
          element(
            "text",
            {
              x: x + CELL / 2,
              y: top + 13,
              "text-anchor": "middle",
              class: `patch-name ${kind(film, pattern)}`,
              "aria-hidden": "true",
            },
            patternName(film, pattern).replace("q", ""),
          ),
        );
      });
      for (let expert = 0; expert < experts; expert += 1) {
        const y = top + CELL + 4 + expert * 13;
        svg.append(
          element(
            "text",
            { x: left - 6, y: y + 9, "text-anchor": "end", class: "small" },
            network.routes ? `expert ${expert + 1}` : "all patches",
          ),
        );
        svg.append(element("rect", { x: left, y, width: n * CELL, height: 11, class: "lane" }));
        const received = network.routes
          ? network.routes[frame][row][expert]
          : input.patterns.map((_, place) => [place, 100]);
        for (const [place, gate] of received) {
          const box = element("rect", {
            x: left + place * CELL + 1,
            y: y + 1,
            width: CELL - 2,
            height: 9,
            class: `gate ${kind(film, input.patterns[place])}`,
            "fill-opacity": 0.1 + (0.9 * gate) / 100,
          });
          svg.append(titled(box, `${patternName(film, input.patterns[place])}: gate ${gate} %`));
        }
      }
    });
    return svg;
  }

  function routesText(film, network, frame) {
    if (!network.routes) return "The dense network takes all patches of every input.";
    const each = film.inputs.map((input, row) => {
      const gates = network.routes[frame][row].map(
        (received) => (received.find(([place]) => place === input.place) || [0, 0])[1],
      );
      const got = gates.map((gate, s) => [gate, s]).filter(([gate]) => gate > 0);
      const where = got.length
        ? got.map(([gate, s]) => `expert ${s + 1} with gate ${gate} %`).join(", ")
        : "no expert";
      return `Input ${row + 1}, y = ${input.label}: the patch that tells the label goes to ${where}.`;
    });
    return each.join(" ");
  }

  // h_s(q) of every pattern as bars, a row for each expert; the two that tell the label are coloured.
  function values(film, network, frame) {
    const rows = network.values[frame];
    const order = [...film.discriminative, ...film.irrelevant];
    const [left, tall] = [74, rows.length > 1 ? 76 : 200];
    const wide = 356 / order.length;
    const svg = element("svg", {
      viewBox: `0 0 ${left + 360} ${rows.length * tall + 22}`,
      role: "img",
      "aria-label": valuesText(film, network, frame),
    });
    const most = Math.max(...network.values[network.values.length - 1].flat().map(Math.abs), 1e-9);
    rows.forEach((own, expert) => {
      const middle = expert * tall + tall / 2;
      const y = linearScale(-most, most, middle + tall / 2 - 3, middle - tall / 2 + 3);
      svg.append(
        element(
          "text",
          { x: left - 6, y: middle + 4, "text-anchor": "end", class: "small" },
          rows.length > 1 ? `expert ${expert + 1}` : "network",
        ),
        element("line", { x1: left, x2: left + 356, y1: middle, y2: middle, class: "grid" }),
      );
      order.forEach((pattern, place) => {
        const value = Math.max(-most, Math.min(most, own[pattern]));
        const [a, b] = [y(0), y(value)];
        const box = element("rect", {
          x: round(left + place * wide + 0.5),
          width: round(wide - 1),
          y: Math.min(a, b),
          height: Math.max(Math.abs(a - b), 0.6),
          class: `bar ${kind(film, pattern)}`,
        });
        svg.append(titled(box, `h(${patternName(film, pattern)}) = ${number(own[pattern], 3)}`));
      });
    });
    const bottom = rows.length * tall + 14;
    svg.append(
      element("text", { x: left, y: bottom, class: "small one" }, "o₁"),
      element("text", { x: left + 16, y: bottom, class: "small two" }, "o₂"),
      element(
        "text",
        { x: left + 40, y: bottom, class: "small" },
        `irrelevant patterns q; full height: |h| = ${number(most)}`,
      ),
    );
    return svg;
  }

  function valuesText(film, network, frame) {
    const total = (pattern) => network.values[frame].reduce((sum, own) => sum + own[pattern], 0);
    const [one, two] = film.discriminative.map(total);
    const rest = Math.max(...film.irrelevant.map((pattern) => Math.abs(total(pattern))));
    return `Summed over experts, h(o₁) = ${number(one)}, h(o₂) = ${number(two)}; the largest |h| of an irrelevant pattern is ${number(rest)}.`;
  }

  // Test error over steps, of this training and of all draws, with the present step.
  function errors(film, network, frame) {
    const svg = element("svg", {
      viewBox: "0 0 440 250",
      role: "img",
      "aria-label": errorsText(film, network, frame),
    });
    const x = logScale(0.7, film.steps[film.steps.length - 1], 62, 428);
    const at = (step) => x(Math.max(step, 0.7));
    const y = linearScale(0, 0.6, 202, 12);
    const inside = axes(svg, x, y, {
      xTicks: [1, 10, 100, 1000],
      yTicks: [0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6],
      xLabel: "steps of SGD",
      yLabel: "test error",
      yText: (tick) => `${Math.round(100 * tick)} %`,
    });
    const points = (name) => film.steps.map((step, place) => [at(step), y(network[name][place])]);
    inside.append(
      element("path", {
        d: `${path([...points("high"), ...points("low").reverse()])}Z`,
        class: "band plain",
      }),
      element("path", { d: path(points("mean")), class: "bound plain" }),
      element("path", { d: path(points("error")), class: "curve film" }),
      element("line", {
        x1: at(film.steps[frame]),
        x2: at(film.steps[frame]),
        y1: y.start,
        y2: y.end,
        class: "guide",
      }),
      element("circle", {
        cx: at(film.steps[frame]),
        cy: y(network.error[frame]),
        r: 5,
        class: "mark film",
      }),
    );
    return svg;
  }

  function errorsText(film, network, frame) {
    const band = `${percent(network.mean[frame])} [${number(100 * network.low[frame])}, ${number(100 * network.high[frame])}]`;
    return `Step ${film.steps[frame]}: test error ${percent(network.error[frame])}; mean of ${film.nDraws} draws ${band}; training loss ${number(network.loss[frame])}.`;
  }

  function start(root) {
    const film = moe.film;
    const find = (name) => root.querySelector(`[data-film="${name}"]`);
    const [slider, choice, play] = ["step", "network", "play"].map(find);
    let timer = null;
    for (const { name, title } of film.networks)
      choice.append(html("option", { value: name }, title));
    const sizes = `${film.inputs[0].patterns.length} patches, of which one tells the label (o₁ or o₂); the others are drawn from ${film.irrelevant.length} patterns`;
    find("about").textContent =
      `One training of each network on ${film.nTrain} inputs of ${sizes}. ` +
      "Routers of separate training are trained before step 0.";
    choice.value = "joint";
    slider.max = film.steps.length - 1;
    slider.value = film.steps.length - 1;

    function show() {
      const network = film.networks.find(({ name }) => name === choice.value);
      const frame = Number(slider.value);
      slider.setAttribute("aria-valuetext", `step ${film.steps[frame]}`);
      find("shown").textContent = String(film.steps[frame]);
      find("said").textContent =
        `${errorsText(film, network, frame)} ${valuesText(film, network, frame)}`;
      find("routes").replaceChildren(routes(film, network, frame));
      find("values").replaceChildren(values(film, network, frame));
      find("errors").replaceChildren(errors(film, network, frame));
    }

    function stop() {
      clearInterval(timer);
      timer = null;
      play.textContent = "Play";
      find("said").setAttribute("aria-live", "polite");
    }

    function advance() {
      if (Number(slider.value) >= film.steps.length - 1) return stop();
      slider.value = Number(slider.value) + 1;
      return show();
    }

    play.addEventListener("click", () => {
      if (timer !== null) return stop();
      if (Number(slider.value) >= film.steps.length - 1) slider.value = 0;
      play.textContent = "Pause";
      find("said").setAttribute("aria-live", "off"); // no reader keeps up with a film
      timer = setInterval(advance, 350);
      return show();
    });
    slider.addEventListener("input", () => {
      stop();
      show();
    });
    choice.addEventListener("input", show);
    show();
  }

  moe.training = { start };
})();
