// Tokens: a window of text, each token on the colours of its experts.

/** Experts whose numbers stand below a token; more are counted. */
const NUMBERED = 2;

/** The colours of a token, each as wide as its gate; what was dropped has none. */
function stripes(choices) {
  const sum = choices.reduce((all, choice) => all + Math.max(choice.gate, 0), 0);
  if (sum === 0) return "none";
  let from = 0;
  const stops = choices.map(({ expert, gate, kept }) => {
    const to = from + (100 * Math.max(gate, 0)) / sum;
    const stop = `${kept ? ground(expert) : "transparent"} ${from.toFixed(2)}% ${to.toFixed(2)}%`;
    from = to;
    return stop;
  });
  return `linear-gradient(90deg, ${stops.join(", ")})`;
}

/** A token's experts in words. */
function told(choices) {
  if (choices.length === 0) return "no expert";
  const parts = choices.map(({ expert, gate, kept }) => {
    return `expert ${expert}, gate ${decimals(gate, 3)}${kept ? "" : ", dropped"}`;
  });
  return parts.join("; ");
}

function numbers(choices) {
  if (choices.length === 0) return ["–"];
  const first = choices.slice(0, NUMBERED).map(({ expert, kept }) => {
    return make(kept ? "span" : "s", {}, String(expert));
  });
  const more = choices.length - first.length;
  return more > 0 ? [...first, make("span", {}, `+${more}`)] : first;
}

function tokenButton(trial, sample, position) {
  const word = trial.word(state.window, position);
  const choices = trial.choices(sample, state.layer, state.window, position);
  const text = make("span", { class: "word" }, ...(word ? visibleParts(word.text) : ["?"]));
  text.style.backgroundImage = stripes(choices);
  const label = `token ${position}, ${word ? visible(word.text) : "unknown"}: ${told(choices)}`;
  const kept = choices.some((choice) => choice.kept);
  const button = make(
    "button",
    { type: "button", class: kept ? "token" : "token bare", "data-position": position, "aria-label": label, tabindex: -1 },
    text,
    make("span", { class: "numbers", "aria-hidden": "true" }, ...numbers(choices)),
  );
  return word && word.text.includes("\n") ? [button, make("br")] : [button];
}

/** The tokens of the window that is shown. */
function drawTokens(trial, sample) {
  const positions = Array.from({ length: trial.reads.length }, (_, position) => position);
  return positions.flatMap((position) => tokenButton(trial, sample, position));
}

/** Marks the token that is chosen, the one that Tab reaches. */
function markToken(holder) {
  for (const button of holder.querySelectorAll(".token")) {
    const chosen = Number(button.dataset.position) === state.token;
    button.tabIndex = chosen ? 0 : -1;
    button.setAttribute("aria-pressed", String(chosen));
  }
}

/** The token above or below another, the nearest of the next line. */
function neighbour(holder, from, down) {
  const here = holder.querySelector(`[data-position="${from}"]`).getBoundingClientRect();
  const middle = (box) => box.left + box.width / 2;
  let best = null;
  for (const button of holder.querySelectorAll(".token")) {
    const box = button.getBoundingClientRect();
    const lines = down ? box.top - here.bottom : here.top - box.bottom;
    if (lines < -1) continue;
    const far = [Math.round(lines), Math.abs(middle(box) - middle(here))];
    if (!best || far[0] < best.far[0] || (far[0] === best.far[0] && far[1] < best.far[1])) {
      best = { far, position: Number(button.dataset.position) };
    }
  }
  return best ? best.position : from;
}
