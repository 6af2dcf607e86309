// The choices: from controls and the address to what is drawn, and back.
(() => {
  "use strict";
  const moe = window.moeTheory;
  const { data } = moe;
  const { html, number } = moe.draw;
  const root = document.getElementById("explorer");
  const part = (name) => root.querySelector(`[data-part="${name}"]`);
  const control = (name) => root.querySelector(`[data-choice="${name}"]`);
  const [SMALLEST, LARGEST] = [data.sizes[0], data.sizes[data.sizes.length - 1]];
  const [LOW, HIGH] = [data.ratios[0], data.ratios[data.ratios.length - 1]];
  const START = { n: 64, p: 256, epsilon: 0.05, k: 8, l: "best", goal: "samples", map: "joint" };
  const GOALS = ["samples", "flops"];
  const MAPS = ["joint", "separate"];

  const every = Object.values(data.networks).flat();
  const EXPERTS = [...new Set(every.filter(([arm]) => arm === "joint").map(([, , k]) => k))].sort(
    (a, b) => a - b,
  );
  const ROUTED = [...new Set(every.filter(([arm]) => arm !== "dense").map(([, l]) => l))].sort(
    (a, b) => a - b,
  );

  const clamp = (value, low, high) => Math.min(Math.max(value, low), high);

  // A state with all values inside the table, whatever was asked for.
  function inside(asked) {
    const state = { ...START };
    const whole = (text, usual) =>
      Number.isFinite(Number(text)) && text !== "" ? Math.round(Number(text)) : usual;
    state.n = clamp(whole(asked.n, START.n), SMALLEST, LARGEST);
    state.p = clamp(whole(asked.p, START.p), LOW * state.n, HIGH * state.n);
    const wanted = Number(asked.epsilon) || START.epsilon;
    state.epsilon = clamp(
      Math.round(wanted * 1000) / 1000,
      data.epsilon[0],
      data.epsilon[data.epsilon.length - 1],
    );
    state.k = asked.k === "any" ? "any" : EXPERTS.find((k) => k === Number(asked.k)) || START.k;
    state.l = ROUTED.find((l) => l === Number(asked.l)) || "best";
    state.goal = GOALS.includes(asked.goal) ? asked.goal : START.goal;
    state.map = MAPS.includes(asked.map) ? asked.map : START.map;
    return state;
  }

  const fromAddress = () =>
    inside(Object.fromEntries(new URLSearchParams(window.location.hash.slice(1))));

  function toAddress(state) {
    const text = new URLSearchParams(state).toString();
    window.history.replaceState(null, "", `#${text}`);
  }

  // Whether a network may be chosen: the dense one always, others by k and l.
  const allowed =
    (state) =>
    ({ arm, k, l }) =>
      arm === "dense" ||
      ((arm !== "joint" || state.k === "any" || k === state.k) &&
        (state.l === "best" || l === state.l));

  // All networks at a state, best first, and those that may be chosen.
  function choose(state) {
    const all = moe.advise(state.n, state.p, state.epsilon, state.goal);
    const considered = all.filter(allowed(state));
    return { all, considered, best: considered[0] };
  }

  let state = inside({});
  let due = null;

  function show() {
    const { all, considered, best } = choose(state);
    part("answer").replaceChildren(...moe.words.answer(state, considered, all));
    part("summary").replaceChildren(moe.words.summary(state, considered, best));
    for (const goal of GOALS) part(goal).replaceChildren(moe.curves.panel(goal, state, all, best));
    part("legend").replaceChildren(moe.curves.legend(state, all));
    part("simulated-note").textContent = note();
    part("bounds").replaceChildren(...moe.words.bounds(state, all));
    part("table").replaceChildren(
      moe.words.table(
        state,
        all,
        best,
        "All networks that are predicted to reach ε, best first: predicted [interval]; bold: the best that you allow; ratios are of numbers before rounding",
      ),
    );
    part("map-samples").replaceChildren(moe.maps.overSamples(state));
    part("map-samples-legend").replaceChildren(moe.maps.samplesLegend());
    const map = moe.maps.overSettings(state, allowed(state), (n, p) => change({ n, p }));
    part("map-settings").replaceChildren(map.svg);
    part("map-settings-legend").replaceChildren(map.legend);
    root.dataset.best = `${best.arm},${best.l},${best.k}`;
  }

  function note() {
    const points = moe.simulatedAt(state.n, state.p, state.epsilon);
    const ratio = state.p / state.n;
    const tabulated = data.sizes.includes(state.n) && data.ratios.includes(ratio);
    const how = tabulated
      ? "Predictions of this setting are tabulated; N* is read off between the N of the table, so that it need not be whole."
      : "Predictions are interpolated, in logarithms, between the settings of the table around this one, so that N* need not be whole.";
    const seen = points.length
      ? `${points.length === 1 ? "One network was" : `${points.length} networks were`} simulated at exactly this setting${points.some((one) => one.flops) ? "" : "; operations at N* were not kept"}.`
      : "No network was simulated at exactly this setting.";
    return `${how} ${seen}`;
  }

  function mirror() {
    const p = control("p");
    [p.min, p.max] = [LOW * state.n, HIGH * state.n];
    for (const name of ["n", "p", "k", "l", "goal", "map"]) control(name).value = state[name];
    control("epsilon").value = 100 * state.epsilon;
    root.querySelector('[data-shown="n"]').textContent = state.n;
    root.querySelector('[data-shown="p"]').textContent =
      `${state.p} (p/n = ${number(state.p / state.n, 3)} in [${LOW}, ${HIGH}])`;
    root.querySelector('[data-shown="epsilon"]').textContent = `${number(100 * state.epsilon)} %`;
    control("epsilon").setAttribute("aria-valuetext", `${number(100 * state.epsilon)} percent`);
    const preset = control("preset");
    preset.value = `${state.n},${state.p},${state.epsilon}`;
    if (preset.selectedIndex < 0) preset.value = "";
  }

  // Controls follow at once, drawings in the next frame, so that a slider does not wait.
  function change(asked, { address = true } = {}) {
    state = inside({ ...state, ...asked });
    mirror();
    if (address) toAddress(state);
    if (due === null) {
      due = window.requestAnimationFrame(() => {
        due = null;
        show();
      });
    }
  }

  function presets() {
    const counts = new Map();
    for (const point of data.simulated) {
      const { n_patches: n, n_irrelevant: p, epsilon } = point;
      const in_table = n >= SMALLEST && n <= LARGEST && p >= LOW * n && p <= HIGH * n;
      if (in_table)
        counts.set(`${n},${p},${epsilon}`, (counts.get(`${n},${p},${epsilon}`) || 0) + 1);
    }
    const keys = [...counts.keys()].map((key) => key.split(",").map(Number));
    keys.sort((a, b) => a[0] - b[0] || a[1] - b[1] || a[2] - b[2]);
    const options = keys.map(([n, p, epsilon]) => {
      const count = counts.get(`${n},${p},${epsilon}`);
      const text = `n = ${n}, p = ${p}, ε = ${number(100 * epsilon)} %: ${count} ${count > 1 ? "networks" : "network"}`;
      return html("option", { value: `${n},${p},${epsilon}` }, text);
    });
    control("preset").append(html("option", { value: "" }, "another"), ...options);
  }

  function start() {
    const n = control("n");
    [n.min, n.max] = [SMALLEST, LARGEST];
    control("k").append(
      ...EXPERTS.map((k) => html("option", { value: k }, String(k))),
      html("option", { value: "any" }, "any"),
    );
    control("l").append(
      html("option", { value: "best" }, "the best"),
      ...ROUTED.map((l) => html("option", { value: l }, String(l))),
    );
    presets();
    for (const name of ["n", "p", "k", "l", "goal", "map"]) {
      control(name).addEventListener("input", () => change({ [name]: control(name).value }));
    }
    control("epsilon").addEventListener("input", () =>
      change({ epsilon: control("epsilon").value / 100 }),
    );
    control("preset").addEventListener("input", () => {
      const [patches, patterns, epsilon] = control("preset").value.split(",").map(Number);
      if (patches) change({ n: patches, p: patterns, epsilon });
    });
    window.addEventListener("hashchange", () => {
      if (window.location.hash.includes("=")) change(fromAddress(), { address: false }); // others lead to places in the page
    });
    state = fromAddress();
    mirror();
    show();
    moe.training.start(root);
    root.dataset.drawn = String(Math.round(performance.now()));
  }

  Object.assign(moe, { choose, inside });
  start();
})();
