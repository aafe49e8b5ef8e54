// Curves: how a trial came to be, each measure in a small drawing of its own, with a line at the step that is shown.

const CURVE = { width: 260, height: 84, side: 6, top: 8, bottom: 6 };

/** The last measured value up to a step, or none. */
function valueAt(points, step) {
  const before = points.filter(([at]) => at <= step);
  return before.length > 0 ? before[before.length - 1][1] : null;
}

/** Three digits, as a reader compares them. */
function digits(value) {
  if (value === null) return "–";
  return value === 0 ? "0" : value.toPrecision(3);
}

function drawCurve(lines, steps, now) {
  const { width, height, side, top, bottom } = CURVE;
  const values = lines.flatMap((points) => points.map(([, value]) => value));
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const [first, last] = [steps[0], steps[steps.length - 1]];
  const x = (step) => side + ((step - first) / (last - first || 1)) * (width - 2 * side);
  // What does not change lies in the middle.
  const down = (value) => (high > low ? (high - value) / (high - low) : 0.5);
  const y = (value) => top + down(value) * (height - top - bottom);
  const drawn = lines.map((points, index) => {
    const path = points.map(([step, value]) => `${x(step).toFixed(1)},${y(value).toFixed(1)}`).join(" ");
    return draw("polyline", { points: path, class: index === 0 ? "curve" : "curve other" });
  });
  const dots = lines.map((points, index) => {
    const value = valueAt(points, now);
    if (value === null) return "";
    return draw("circle", { cx: x(now), cy: y(value), r: 3.5, class: index === 0 ? "dot" : "dot other" });
  });
  return draw(
    "svg",
    { viewBox: `0 0 ${width} ${height}`, "aria-hidden": "true" },
    draw("line", { x1: x(now), x2: x(now), y1: top - 4, y2: height - bottom + 4, class: "now" }),
    ...drawn,
    ...dots,
  );
}

/** All curves that any of the trials has. */
function drawCurves(shown, steps, now) {
  return DATA.curves.flatMap(({ column, name, unit }) => {
    const lines = shown.map((trial) => trial.curve(column));
    if (lines.every((points) => points.length === 0)) return [];
    const told = lines.map((points) => digits(valueAt(points, now)));
    const values = told.map((value, index) => {
      if (shown.length === 1) return make("span", { class: "value" }, value);
      return make("span", { class: index === 0 ? "value keyed" : "value keyed other" }, `${"AB"[index]} ${value}`);
    });
    const caption = make("figcaption", {}, make("strong", {}, name), unit ? ` ${unit}` : "", make("span", { class: "values" }, ...values));
    const ends = make("div", { class: "ends" }, make("span", {}, String(steps[0])), make("span", {}, `step ${steps[steps.length - 1]}`));
    return [make("figure", { "data-curve": column }, caption, drawCurve(lines, steps, now), ends)];
  });
}
