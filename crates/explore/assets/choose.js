// Choosing: the lists, buttons and the slider above and below the tokens.

const byId = (id) => document.getElementById(id);

/** The trials of a cell. */
function trialsOfCell(sweep, cell) {
  return sweep.trials.filter((trial) => trial.cell === cell);
}

/** A trial of another cell, of the same seed where there is one. */
function trialLike(sweep, cell, seed) {
  const own = trialsOfCell(sweep, cell);
  return own.find((trial) => trial.seed === seed) || own[0];
}

/** The trial to compare with: the next cell's, of the same seed. */
function partner(sweep, a) {
  return trialLike(sweep, (a.cell + 1) % sweep.cells.length, a.seed);
}

function fillChoices() {
  const { sweep, a, window, layer } = state;
  byId("question").textContent = sweep.question || "";
  const sweeps = DATA.sweeps.map((one) => [sweepKey(one), `${one.name} (${one.scale}, ${one.device})`]);
  options(byId("sweep"), sweeps, sweepKey(sweep));
  const windows = Array.from({ length: a.windows }, (_, at) => [String(at), `${at + 1} of ${a.windows}`]);
  options(byId("window"), windows, String(window));
  const layers = Array.from({ length: a.layers }, (_, at) => {
    const input = make("input", { type: "radio", name: "layer", value: at });
    input.checked = at === layer;
    return make("label", {}, input, make("span", {}, String(at)));
  });
  keepFocus(byId("layers"), layers);
  byId("compare").setAttribute("aria-pressed", String(state.b !== null));
}

/** Puts radio buttons in the place of others without taking the focus from them. */
function keepFocus(holder, labels) {
  const had = holder.contains(document.activeElement);
  holder.replaceChildren(...labels);
  if (had) holder.querySelector("input:checked").focus();
}

function fillSlider(steps, now, shown) {
  const slider = byId("step");
  slider.max = steps.length - 1;
  slider.value = steps.indexOf(now);
  slider.setAttribute("aria-valuetext", `step ${now}`);
  byId("step-now").textContent = `step ${now} of ${steps[steps.length - 1]}`;
  const sampled = new Set(shown.flatMap((trial) => trial.samples));
  const marks = steps.flatMap((step, at) => {
    if (!sampled.has(step)) return [];
    const mark = make("span", { title: `decisions sampled at step ${step}` });
    mark.style.left = `${(100 * at) / Math.max(steps.length - 1, 1)}%`;
    return [mark];
  });
  byId("marks").replaceChildren(...marks);
  const places = marks.length > 1 ? `at the ${marks.length} marked steps` : "after training alone";
  byId("step-note").textContent = `Loads and curves are of the step that is chosen; the tokens' decisions were sampled ${places}.`;
}

/** The step some places on. */
function stepBy(places) {
  const steps = shownSteps;
  const at = steps.indexOf(stepNow(steps)) + places;
  return change({ step: steps[Math.min(Math.max(at, 0), steps.length - 1)] });
}

function windowBy(places) {
  const count = state.a.windows;
  return change({ window: (state.window + places + count) % count });
}

function layerBy(places) {
  const count = state.a.layers;
  return change({ layer: (state.layer + places + count) % count });
}

function toggleCompare() {
  return change({ b: state.b ? null : partner(state.sweep, state.a) });
}

function listen() {
  byId("sweep").addEventListener("change", (event) => {
    const sweep = DATA.sweeps.find((one) => sweepKey(one) === event.target.value);
    const a = firstTrial(sweep);
    change({ sweep, a, b: state.b && partner(sweep, a), step: null });
  });
  byId("window").addEventListener("change", (event) => change({ window: Number(event.target.value) }));
  byId("window-back").addEventListener("click", () => windowBy(-1));
  byId("window-on").addEventListener("click", () => windowBy(1));
  byId("layers").addEventListener("change", (event) => change({ layer: Number(event.target.value) }));
  byId("compare").addEventListener("click", toggleCompare);
  byId("step").addEventListener("input", (event) => change({ step: shownSteps[Number(event.target.value)] }));
  byId("step-back").addEventListener("click", () => stepBy(-1));
  byId("step-on").addEventListener("click", () => stepBy(1));
  byId("help").addEventListener("click", () => byId("keys").showModal());
}
