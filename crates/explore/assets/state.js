// State: what is shown, kept in the address behind the #, so that a view can be linked.

/** What a sweep is called in an address. */
function sweepKey(sweep) {
  return `${sweep.name}/${sweep.scale}-${sweep.device}`;
}

/** Digits of a trial's id in an address. */
const DIGITS = 12;

const state = { sweep: null, a: null, b: null, layer: 0, window: 0, token: 0, step: null };

/** The trial whose id begins so, or one to begin with. */
function trialOf(sweep, start, otherwise) {
  const found = start && sweep.trials.find((trial) => trial.id.startsWith(start));
  return found || otherwise;
}

/** The trial to begin with: the first that has experts to choose between. */
function firstTrial(sweep) {
  return sweep.trials.find((trial) => trial.experts > 1) || sweep.trials[0];
}

/** Takes an address, with the nearest that there is for what is missing or wrong in it. */
function readAddress() {
  const asked = new URLSearchParams(location.hash.slice(1));
  const whole = (name) => Math.max(Math.trunc(Number(asked.get(name))) || 0, 0);
  const sweep = DATA.sweeps.find((one) => sweepKey(one) === asked.get("sweep")) || DATA.sweeps[0];
  state.sweep = sweep;
  state.a = trialOf(sweep, asked.get("a"), firstTrial(sweep));
  state.b = trialOf(sweep, asked.get("b"), null);
  state.layer = whole("layer");
  state.window = whole("text");
  state.token = whole("token");
  state.step = asked.has("step") ? whole("step") : null;
  settle();
}

/** Keeps layer, text and token within the trials that are shown. */
function settle() {
  const shown = [state.a, state.b].filter(Boolean);
  const least = (of) => Math.min(...shown.map(of));
  state.layer = Math.min(state.layer, least((trial) => trial.layers) - 1);
  state.window = Math.min(state.window, least((trial) => trial.windows) - 1);
  state.token = Math.min(state.token, least((trial) => DATA.texts[trial.text].length) - 1);
}

/** Writes the address of what is shown. */
function writeAddress() {
  const parts = [
    ["sweep", sweepKey(state.sweep)],
    ["a", state.a.id.slice(0, DIGITS)],
    ["b", state.b && state.b.id.slice(0, DIGITS)],
    ["layer", state.layer],
    ["text", state.window],
    ["token", state.token],
    ["step", state.step],
  ];
  const given = parts.filter(([, value]) => value !== null);
  const text = given.map(([name, value]) => `${name}=${encodeURIComponent(value).replaceAll("%2F", "/")}`);
  history.replaceState(null, "", `#${text.join("&")}`);
}

/** Changes what is shown. */
function change(to) {
  Object.assign(state, to);
  settle();
  writeAddress();
  return render();
}

/** All steps of the trials that are shown, in order. */
function stepsOf(shown) {
  const steps = new Set(shown.flatMap((trial) => trial.steps()));
  return [...steps].sort((one, other) => one - other);
}

/** The step that is shown: the one asked for, or the last. */
function stepNow(steps) {
  const last = steps[steps.length - 1];
  if (state.step === null) return last;
  return steps.reduce((best, step) => (step <= state.step ? step : best), steps[0]);
}
