// SVG by hand: elements, axes, marks, numbers. Colours are those of explorer.css, so that they change with the theme.
(() => {
  "use strict";
  const moe = window.moeTheory;
  const SPACE = "http://www.w3.org/2000/svg";

  function element(name, attributes = {}, ...children) {
    const made = document.createElementNS(SPACE, name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    made.append(...children);
    return made;
  }

  // An HTML element with text or children.
  function html(name, attributes = {}, ...children) {
    const made = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    made.append(...children);
    return made;
  }

  const round = (value) => Math.round(value * 100) / 100;

  // A place on a logarithmic axis from `low` to `high`, at `start` to `end` in the picture.
  function logScale(low, high, start, end) {
    const span = Math.log(high / low);
    const scale = (value) => round(start + ((end - start) * Math.log(value / low)) / span);
    scale.inverse = (place) => low * Math.exp((span * (place - start)) / (end - start));
    return Object.assign(scale, { low, high, start, end });
  }

  function linearScale(low, high, start, end) {
    const scale = (value) => round(start + ((end - start) * (value - low)) / (high - low || 1));
    return Object.assign(scale, { low, high, start, end });
  }

  // Ticks at 1, 2, 5 of each power of ten, or at powers alone where these are many.
  function logTicks(low, high) {
    const found = [];
    for (let power = Math.floor(Math.log10(low)); power <= Math.log10(high); power += 1) {
      for (const digit of [1, 2, 5]) found.push(digit * 10 ** power);
    }
    const inside = found.filter((tick) => tick >= low * 0.999 && tick <= high * 1.001);
    if (inside.length <= 8) return inside;
    const powers = inside.filter((tick) =>
      Number.isInteger(Math.round(Math.log10(tick) * 1e6) / 1e6),
    );
    const every = Math.ceil(powers.length / 7);
    return powers.filter((_, place) => place % every === 0);
  }

  const RAISED = "⁰¹²³⁴⁵⁶⁷⁸⁹";
  const raised = (power) =>
    (power < 0 ? "⁻" : "") + [...String(Math.abs(power))].map((digit) => RAISED[digit]).join("");

  // A number with so many digits that matter; large ones as powers of ten.
  function number(value, digits = 2) {
    if (!Number.isFinite(value)) return value > 0 ? "∞" : "–";
    if (value === 0) return "0";
    const power = Math.floor(Math.log10(Math.abs(value)) + 1e-9);
    if (power >= 5 || power < -3) {
      const [mantissa, exponent] = value.toExponential(digits - 1).split("e");
      return `${mantissa}\u202f·\u202f10${raised(Number(exponent))}`.replace("-", "−");
    }
    const text = Number(value.toPrecision(digits));
    return (Math.abs(text) >= 1000 ? text.toLocaleString("en") : String(text)).replace("-", "−");
  }

  function tickText(tick) {
    if (tick < 1e5 && tick >= 1e-3) return String(Number(tick.toPrecision(2)));
    const [mantissa, power] = tick.toExponential(0).split("e");
    return `${mantissa === "1" ? "" : `${mantissa}·`}10${raised(Number(power))}`;
  }

  // The frame of a panel with ticks, grid and titles; returns the group to draw in.
  function axes(svg, x, y, { xTicks, yTicks, xLabel, yLabel, xText = String, yText = tickText }) {
    const frame = element("g", { class: "axes", "aria-hidden": "true" });
    for (const tick of yTicks) {
      frame.append(
        element("line", { x1: x.start, x2: x.end, y1: y(tick), y2: y(tick), class: "grid" }),
        element("text", { x: x.start - 6, y: y(tick) + 4, "text-anchor": "end" }, yText(tick)),
      );
    }
    for (const tick of xTicks) {
      frame.append(
        element("line", { x1: x(tick), x2: x(tick), y1: y.start, y2: y.start + 4, class: "tick" }),
        element("text", { x: x(tick), y: y.start + 18, "text-anchor": "middle" }, xText(tick)),
      );
    }
    const middle = (y.start + y.end) / 2;
    frame.append(
      element("line", { x1: x.start, x2: x.end, y1: y.start, y2: y.start, class: "tick" }),
      element(
        "text",
        { x: (x.start + x.end) / 2, y: y.start + 36, "text-anchor": "middle", class: "label" },
        xLabel,
      ),
      element(
        "text",
        {
          x: 14,
          y: middle,
          transform: `rotate(-90 14 ${middle})`,
          "text-anchor": "middle",
          class: "label",
        },
        yLabel,
      ),
    );
    svg.append(frame);
    const inside = element("g");
    svg.append(inside);
    return inside;
  }

  // A marker of an architecture: a circle, a square or a triangle.
  function marker(shape, x, y, size, attributes) {
    if (shape === "circle") return element("circle", { cx: x, cy: y, r: size, ...attributes });
    if (shape === "square") {
      return element("rect", {
        x: x - size,
        y: y - size,
        width: 2 * size,
        height: 2 * size,
        ...attributes,
      });
    }
    const points = [
      [0, -1.25],
      [1.15, 0.85],
      [-1.15, 0.85],
    ];
    const text = points.map(([a, b]) => `${round(x + size * a)},${round(y + size * b)}`).join(" ");
    return element("polygon", { points: text, ...attributes });
  }

  const path = (points) => points.map(([x, y], place) => `${place ? "L" : "M"}${x},${y}`).join("");

  const titled = (made, text) => {
    made.append(element("title", {}, text));
    return made;
  };

  moe.draw = {
    element,
    html,
    logScale,
    linearScale,
    logTicks,
    number,
    axes,
    marker,
    path,
    titled,
    raised,
    round,
  };
})();
