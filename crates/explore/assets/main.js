// Main: the panes, and what is drawn when something changes.

/** The steps of what is shown. */
let shownSteps = [];

/** Counts drawings, so that one that was overtaken while a trial was unpacked draws nothing. */
let drawing = 0;

class Pane {
  constructor(letter, key) {
    this.letter = letter;
    this.key = key;
    this.cell = make("select", { "aria-label": `Cell of trial ${letter}` });
    this.seed = make("select", { "aria-label": `Seed of trial ${letter}` });
    this.facts = make("p", { class: "muted facts" });
    this.tokens = make("div", { class: "tokens", role: "group", "aria-label": `Tokens of trial ${letter}` });
    this.detail = make("div", { class: "detail" });
    this.letterBox = make("span", { class: "letter" }, letter);
    this.section = make(
      "section",
      { class: "pane", "data-pane": letter, "aria-label": `Trial ${letter}` },
      make("div", { class: "who" }, this.letterBox, this.cell, make("label", {}, "seed ", this.seed)),
      this.facts,
      this.tokens,
      this.detail,
    );
    this.listen();
  }

  listen() {
    const { key } = this;
    this.cell.addEventListener("change", (event) => {
      change({ [key]: trialLike(state.sweep, Number(event.target.value), state[key].seed) });
    });
    this.seed.addEventListener("change", (event) => {
      change({ [key]: state.sweep.trials.find((trial) => trial.id === event.target.value) });
    });
    this.tokens.addEventListener("click", (event) => {
      const button = event.target.closest(".token");
      if (button) change({ token: Number(button.dataset.position) });
    });
    this.tokens.addEventListener("keydown", arrow);
  }

  draw(trial, now) {
    const sample = trial.sampleAt(now);
    const cells = state.sweep.cells.map((label, at) => [String(at), label]);
    options(this.cell, cells, String(trial.cell));
    const seeds = trialsOfCell(state.sweep, trial.cell).map((one) => [one.id, String(one.seed)]);
    options(this.seed, seeds, trial.id);
    const quality = trial.perplexity === null ? "" : `perplexity ${trial.perplexity.toFixed(2)} at the end, `;
    const count = counted(trial.experts, "expert");
    this.facts.textContent = `${quality}${count}; decisions of step ${trial.samples[sample]}`;
    const drawn = [trial.id, state.layer, state.window, sample].join();
    if (this.drawn !== drawn) {
      const had = this.tokens.contains(document.activeElement);
      this.tokens.replaceChildren(...drawTokens(trial, sample));
      markToken(this.tokens);
      if (had) this.tokens.querySelector('[tabindex="0"]').focus();
      this.drawn = drawn;
    } else {
      markToken(this.tokens);
    }
    this.detail.replaceChildren(...drawDetail(trial, sample, this.detail.clientWidth));
  }
}

const panes = [new Pane("A", "a"), new Pane("B", "b")];

/** Whether two trials stand side by side. */
function wide() {
  return matchMedia("(min-width: 56.01rem)").matches;
}

function drawTraining(shown, now) {
  const loads = shown.map((trial) => trial.loadsAt(now, state.layer));
  const highest = Math.max(...loads.flatMap((own) => (own ? own.sent : [])), 0);
  const ceiling = CEILINGS.find((share) => share >= highest);
  const names = shown.length > 1 ? ["A: ", "B: "] : [""];
  const room = byId("loads").clientWidth / (wide() ? shown.length : 1) - LOADS.gap;
  const figures = shown.map((trial, index) => loadFigure(names[index], trial, loads[index], ceiling, room));
  byId("loads").replaceChildren(...figures);
  byId("curves").replaceChildren(...drawCurves(shown, shownSteps, now));
}

/** Draws what is shown now. */
async function render() {
  drawing += 1;
  const turn = drawing;
  const wanted = [state.a, state.b].filter(Boolean);
  const shown = await Promise.all(wanted.map((trial) => loadTrial(state.sweep, trial.id)));
  if (turn !== drawing) return;
  shownSteps = stepsOf(shown);
  const now = stepNow(shownSteps);
  fillChoices();
  fillSlider(shownSteps, now, shown);
  byId("panes").classList.toggle("two", shown.length > 1);
  panes[1].section.hidden = shown.length < 2;
  shown.forEach((trial, index) => panes[index].draw(trial, now));
  drawTraining(shown, now);
}

/** What the page has, and what it has not. */
function about() {
  const lines = DATA.sweeps.map((sweep) => {
    const seeds = `${counted(sweep.trials.length, "trial")} of ${counted(sweep.cells.length, "cell")}`;
    const without = sweep.without.length > 0 ? ` No decisions of: ${sweep.without.join("; ")}.` : "";
    return `${sweep.name} (${sweep.scale}, ${sweep.device}): ${seeds}.${without}`;
  });
  if (DATA.without.length > 0) lines.push(`No decisions were sampled in ${DATA.without.join(", ")}.`);
  lines.push(
    `Decisions are samples of validation text under the capacity of training: tokens.parquet, the first windows up to ${DATA.most_tokens} tokens of a trial and step. Loads and curves are of every logged step: experts.parquet and steps.parquet.`,
    "Experts have no common order across trials: expert 3 of one is not expert 3 of another.",
  );
  byId("about").replaceChildren(...lines.map((text) => make("li", {}, text)));
}

async function start() {
  byId("panes").append(...panes.map((pane) => pane.section));
  about();
  listen();
  listenToKeys();
  readAddress();
  window.addEventListener("hashchange", () => {
    readAddress();
    render();
  });
  window.addEventListener("resize", render);
  byId("main").hidden = false;
  await render();
}

const DATA = JSON.parse(byId("data").textContent);

start().catch((error) => {
  const trouble = byId("trouble");
  trouble.hidden = false;
  trouble.textContent = `The page cannot be drawn: ${error.message}. It needs a browser of 2023 or later.`;
});
