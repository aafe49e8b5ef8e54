// Loads: what share of a layer's assignments each expert gets at a logged step.

const LOADS = { least: 240, most: 560, height: 150, top: 14, bottom: 22, side: 40, gap: 16 };

/** What the highest bar may stand for, as a share of the load. */
const CEILINGS = [0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1.01];

/** Experts whose numbers stand below their bars; of more, every so many. */
const LABELLED = 16;

/** Bars of a layer: the frame is what an expert was sent, the filled part what it kept. */
function drawLoads(trial, loads, ceiling, width) {
  const { height, top, bottom, side } = LOADS;
  const room = (width - side) / trial.experts;
  const y = (share) => height - bottom - (share / ceiling) * (height - top - bottom);
  const parts = [];
  const every = Math.ceil(trial.experts / LABELLED);
  loads.sent.forEach((share, expert) => {
    const x = side + expert * room + room * 0.12;
    const bar = (of, kind) => {
      const at = y(of ?? 0);
      return draw("rect", { x, y: at, width: room * 0.76, height: y(0) - at, class: kind });
    };
    const sent = bar(share, "sent");
    sent.style.stroke = line(expert);
    const held = bar(loads.held[expert], "held");
    held.style.fill = ground(expert);
    parts.push(held, sent);
    if (expert % every === 0) {
      const at = { x: x + room * 0.38, y: height - 7, class: "number" };
      parts.push(draw("text", at, String(expert)));
    }
  });
  const even = y(1 / trial.experts);
  parts.push(
    draw("line", { x1: side, x2: width, y1: even, y2: even, class: "even" }),
    even - top > 12 ? draw("text", { x: side - 5, y: even + 4, class: "tick" }, "1/E") : "",
    draw("line", { x1: side, x2: width, y1: y(0), y2: y(0), class: "axis" }),
    draw("text", { x: side - 5, y: top + 4, class: "tick" }, `${Math.round(100 * ceiling)} %`),
  );
  return draw("svg", { width, height, role: "img", "aria-label": loadWords(loads) }, ...parts);
}

function loadWords(loads) {
  const most = Math.max(...loads.sent);
  const share = (value) => `${(100 * value).toFixed(1)} %`;
  const idle = loads.sent.filter((value) => !value).length;
  const none = idle > 0 ? `; ${idle} without a token` : "";
  return `Busiest: expert ${loads.sent.indexOf(most)} with ${share(most)} of the assignments${none}`;
}

/** A trial's loads in the layer that is shown, with a title; what both trials need is the highest bar. */
function loadFigure(name, trial, loads, ceiling, room) {
  if (!loads) return make("p", { class: "muted" }, `${name}Loads were not logged.`);
  const title = `${name}Load of each expert, layer ${state.layer}, up to step ${loads.step}.`;
  return make(
    "figure",
    {},
    make("figcaption", {}, make("strong", {}, title), ` ${loadWords(loads)}`),
    drawLoads(trial, loads, ceiling, widthIn(room, LOADS)),
  );
}
