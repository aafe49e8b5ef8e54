// The path of a token: its experts layer by layer, their gates, what was dropped, and how well the next token is
// predicted.

const PATH = { least: 240, most: 520, top: 38, row: 54, bottom: 38, side: 8 };

/** Experts that have room for their numbers. */
const ROOMY = 24;

/** Where an expert of a layer stands. */
function place({ trial, width }, layer, expert) {
  const room = width - 2 * PATH.side;
  return [PATH.side + ((expert + 0.5) * room) / trial.experts, PATH.top + PATH.row * (layer + 0.5)];
}

/** A curve from one point down to another. */
function descent([x, y], [u, v], attributes) {
  const half = (y + v) / 2;
  return draw("path", { d: `M${x},${y}C${x},${half} ${u},${half} ${u},${v}`, fill: "none", ...attributes });
}

function node(sheet, layer, { expert, gate, kept }) {
  const [x, y] = place(sheet, layer, expert);
  const { trial } = sheet;
  const [least, most] = trial.experts > ROOMY ? [4, 7] : [8, 14];
  const radius = least + (most - least) * Math.sqrt(Math.min(Math.max(gate, 0), 1));
  const circle = draw("circle", { cx: x, cy: y, r: radius, class: kept ? "taken" : "taken dropped" });
  circle.style.fill = kept ? ground(expert) : "var(--paper)";
  circle.style.stroke = line(expert);
  const number = draw("text", { x, y: y + 4, class: "number" }, String(expert));
  return trial.experts > ROOMY ? [circle] : [circle, number];
}

/** The drawing: a row of experts for each layer, and lines from those that were taken to the next. */
function drawPath(sheet, layers, word, next) {
  const { trial, width } = sheet;
  const height = PATH.top + PATH.row * trial.layers + PATH.bottom;
  const middle = width / 2;
  const lines = [];
  const dots = [];
  let from = [[middle, PATH.top - 10]];
  layers.forEach((choices, layer) => {
    for (let expert = 0; expert < trial.experts; expert += 1) {
      const [cx, cy] = place(sheet, layer, expert);
      dots.push(draw("circle", { cx, cy, r: 2.5, class: "idle" }));
    }
    const taken = choices.filter((choice) => choice.kept);
    for (const choice of choices) {
      const to = place(sheet, layer, choice.expert);
      const kind = choice.kept ? "line" : "line dropped";
      const thick = 1 + 4 * Math.sqrt(Math.min(Math.max(choice.gate, 0), 1));
      for (const start of from) {
        const curve = descent(start, to, { class: kind, "stroke-width": thick.toFixed(2) });
        curve.style.stroke = choice.kept ? line(choice.expert) : "";
        lines.push(curve);
      }
      dots.push(...node(sheet, layer, choice));
    }
    // What nobody took passes by.
    if (taken.length > 0) from = taken.map((choice) => place(sheet, layer, choice.expert));
  });
  const end = [middle, height - PATH.bottom + 10];
  lines.push(...from.map((start) => descent(start, end, { class: "line out", "stroke-width": 1.5 })));
  const text = (y, words) => draw("text", { x: middle, y, class: "end" }, words);
  return draw(
    "svg",
    { width, height, class: "path", "aria-hidden": "true" },
    ...lines,
    ...dots,
    text(18, visible(word)),
    text(height - 10, next),
  );
}

function choiceRow(layer, choice, first) {
  const head = make("th", { scope: "row" }, first ? String(layer) : "");
  const chip = make("span", { class: "chip" }, String(choice.expert));
  chip.style.background = ground(choice.expert);
  const bar = make("span", { class: "gate" });
  bar.style.width = `${(Math.min(Math.max(choice.gate, 0), 1) * 4).toFixed(3)}rem`;
  bar.style.background = line(choice.expert);
  return make(
    "tr",
    { class: layer === state.layer ? "here" : "" },
    head,
    make("td", {}, chip),
    make("td", { class: "amount" }, decimals(choice.gate, 3)),
    make("td", { class: "bar" }, bar),
    make("td", {}, choice.kept ? "kept" : make("strong", {}, "dropped")),
  );
}

function choiceTable(layers) {
  const names = ["layer", "expert", "gate", "", "capacity"];
  const head = names.map((name) => (name ? make("th", { scope: "col" }, name) : make("td")));
  const rows = layers.flatMap((choices, layer) => {
    if (choices.length > 0) return choices.map((choice, at) => choiceRow(layer, choice, at === 0));
    const none = make("td", { colspan: 4 }, "no expert: the token passes by");
    return [make("tr", {}, make("th", { scope: "row" }, String(layer)), none)];
  });
  return make("table", {}, make("thead", {}, make("tr", {}, ...head)), make("tbody", {}, ...rows));
}

/** How well the next token was predicted. */
function prediction(trial, sample) {
  const loss = trial.loss(sample, state.window, state.token);
  const word = trial.word(state.window, state.token + 1);
  const next = word ? `“${visible(word.text)}”` : "the next token";
  if (loss === null) return [next, "No expert of any layer took this token: its loss was not sampled."];
  const chance = (100 * Math.exp(-loss)).toPrecision(3);
  return [next, `Loss of predicting ${next}: ${decimals(loss, 3)} nats, a probability of ${chance}\u00a0%.`];
}

/** All that is known of the chosen token in a trial, for so much room. */
function drawDetail(trial, sample, room) {
  const { window, token } = state;
  const layers = Array.from({ length: trial.layers }, (_, layer) => trial.choices(sample, layer, window, token));
  const word = trial.word(window, token);
  const [next, words] = prediction(trial, sample);
  const facts = word ? `token ${token}, number ${word.id} in the vocabulary, ${word.kind.replaceAll("_", " ")}` : `token ${token}`;
  return [
    make("h3", {}, make("span", { class: "quoted" }, word ? visible(word.text) : "?"), make("small", {}, facts)),
    drawPath({ trial, width: widthIn(room, PATH) }, layers, word ? word.text : "?", next),
    make("p", { class: "loss" }, words),
    make("div", { class: "scroll", tabindex: 0, role: "group", "aria-label": "Experts of the token" }, choiceTable(layers)),
  ];
}
