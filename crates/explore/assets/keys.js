// Keys: everything that a mouse does.

const KEYS = [
  ["← →", "token before, next token"],
  ["↑ ↓", "token above, below"],
  ["Home End", "first, last token"],
  ["[ ]", "training step before, next"],
  ["l", "next layer; with Shift the one before"],
  ["t", "next text; with Shift the one before"],
  ["c", "compare two trials, or one alone"],
  ["?", "these keys"],
];

/** Letters, wherever the focus is but in a list, which uses letters itself. */
const SHORTCUTS = {
  "[": () => stepBy(-1),
  "]": () => stepBy(1),
  l: () => layerBy(1),
  L: () => layerBy(-1),
  t: () => windowBy(1),
  T: () => windowBy(-1),
  c: toggleCompare,
  "?": () => byId("keys").showModal(),
};

function shortcut(event) {
  const { target, key } = event;
  const taken = event.ctrlKey || event.metaKey || event.altKey || target.closest("select, dialog");
  if (taken || !Object.hasOwn(SHORTCUTS, key)) return;
  event.preventDefault();
  SHORTCUTS[key]();
}

/** Where an arrow leads from a token. */
function leads(key, holder) {
  const last = state.a.windows ? DATA.texts[state.a.text].length - 1 : 0;
  const to = {
    ArrowLeft: () => Math.max(state.token - 1, 0),
    ArrowRight: () => Math.min(state.token + 1, last),
    ArrowUp: () => neighbour(holder, state.token, false),
    ArrowDown: () => neighbour(holder, state.token, true),
    Home: () => 0,
    End: () => last,
  };
  return Object.hasOwn(to, key) ? to[key]() : null;
}

/** Arrows in a pane's tokens: the focus goes along, and the token that has it is the chosen one. */
async function arrow(event) {
  const holder = event.currentTarget;
  const token = leads(event.key, holder);
  if (token === null || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  await change({ token });
  holder.querySelector(`[data-position="${token}"]`).focus();
}

function listenToKeys() {
  document.addEventListener("keydown", shortcut);
  const entries = KEYS.flatMap(([keys, what]) => [make("dt", {}, make("kbd", {}, keys)), make("dd", {}, what)]);
  byId("key-list").replaceChildren(...entries);
}
