// A trial: what its arrays say of a token, a layer and a step.

class Trial {
  constructor(data, arrays) {
    Object.assign(this, data);
    this.arrays = arrays;
    // The steps of decisions, of loads and of curves.
    for (const name of ["samples", "loads", "curves"]) this[name] = Array.from(arrays[name]);
    this.reads = DATA.texts[data.text];
    this.tokens = data.windows * this.reads.length;
    // Where the choices of each token begin among all.
    this.begins = new Uint32Array(arrays.choices.length + 1);
    arrays.choices.forEach((count, index) => {
      this.begins[index + 1] = this.begins[index] + count;
    });
  }

  /** The place of the sample that shows a step: the latest up to it, or else the first. */
  sampleAt(step) {
    const later = this.samples.findIndex((sample) => sample > step);
    return later === -1 ? this.samples.length - 1 : Math.max(later - 1, 0);
  }

  /** A token of a window: its number, text and class; null where nobody says what stands there. */
  word(window, position) {
    const place = this.reads.words[window * this.reads.length + position];
    if (!place) return null;
    const [id, text, kind] = DATA.words[place - 1];
    return { id, text, kind };
  }

  /** What a layer chose for a token: experts with their gates, the largest first. */
  choices(sample, layer, window, position) {
    const token = window * this.reads.length + position;
    const place = (sample * this.layers + layer) * this.tokens + token;
    const found = [];
    for (let at = this.begins[place]; at < this.begins[place + 1]; at += 1) {
      const gate = fraction(this.arrays.gate[at]);
      found.push({ expert: this.arrays.expert[at], gate, kept: this.arrays.kept[at] === 1 });
    }
    return found.sort((one, other) => other.gate - one.gate);
  }

  /** The loss of the prediction that follows a token, in nats. */
  loss(sample, window, position) {
    return fraction(this.arrays.loss[sample * this.tokens + window * this.reads.length + position]);
  }

  /** Of all that a layer was sent, what each expert was sent and what it kept, at the last logged step up to this one, or at the first. */
  loadsAt(step, layer) {
    if (this.loads.length === 0) return null;
    const later = this.loads.findIndex((logged) => logged > step);
    const place = later === -1 ? this.loads.length - 1 : Math.max(later - 1, 0);
    const begin = (place * this.layers + layer) * this.experts;
    const shares = (array) => Array.from(array.subarray(begin, begin + this.experts), fraction);
    return {
      step: this.loads[place],
      sent: shares(this.arrays.sent),
      held: shares(this.arrays.held),
    };
  }

  /** The points of a curve that were measured. */
  curve(column) {
    const points = this.curves.map((step, at) => [step, fraction(this.arrays[column][at])]);
    return points.filter(([, value]) => value !== null);
  }

  /** Every step at which something was logged or sampled. */
  steps() {
    return [...this.loads, ...this.curves, ...this.samples];
  }
}

const trials = new Map();

/** The trial of a sweep with this id, unpacked once. */
function loadTrial(sweep, id) {
  if (!trials.has(id)) {
    const data = sweep.trials.find((trial) => trial.id === id);
    trials.set(id, unpack(data.packed).then((arrays) => new Trial(data, arrays)));
  }
  return trials.get(id);
}
