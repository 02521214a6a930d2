/** Resampling to the front end's rate, sample by sample as they come from the microphone. */

/** Zero crossings of the kernel on each side; it has its cut-off below half the lower rate. */
const ZERO_CROSSINGS = 24;
const CUT_OFF = 0.94;
const KAISER_BETA = 8;
/** Values of the kernel between two zero crossings; between them it is interpolated. */
const STEPS = 512;

/** Modified Bessel function of the first kind, order 0. @param {number} x */
function bessel0(x) {
  let sum = 1;
  for (let k = 1, term = 1; term > 1e-12 * sum; k++) {
    term *= (x / (2 * k)) ** 2;
    sum += term;
  }
  return sum;
}

/** Half of a sinc in a Kaiser window. */
const KERNEL = Float64Array.from({ length: ZERO_CROSSINGS * STEPS + 2 }, (_, i) => {
  const x = i / STEPS;
  const inside = 1 - (x / ZERO_CROSSINGS) ** 2;
  if (inside <= 0) return 0;
  const sinc = x ? Math.sin(Math.PI * x) / (Math.PI * x) : 1;
  return (sinc * bessel0(KAISER_BETA * Math.sqrt(inside))) / bessel0(KAISER_BETA);
});

/** Band-limited interpolation (J. O. Smith, Digital audio resampling, 1984), in a stream. */
export class Resampler {
  /**
   * @param {number} from samples a second that come in
   * @param {number} to samples a second that go out
   */
  constructor(from, to) {
    this._step = from / to;
    // Zero crossings of the kernel a sample that comes in.
    this._scale = CUT_OFF * Math.min(1, to / from);
    this._reach = Math.ceil(ZERO_CROSSINGS / this._scale);
    // Samples not yet past, and the place in them of the next sample that goes out.
    this._samples = new Float32Array(this._reach);
    this._first = -this._reach;
    this._given = 0;
  }

  /**
   * Take samples, and give those that can be told by now.
   *
   * @param {Float32Array} samples
   * @returns {Float32Array}
   */
  push(samples) {
    const joined = new Float32Array(this._samples.length + samples.length);
    joined.set(this._samples);
    joined.set(samples, this._samples.length);
    const out = [];
    for (;;) {
      const place = this._given * this._step - this._first;
      if (Math.floor(place) + this._reach >= joined.length) break;
      out.push(this._at(joined, place));
      this._given++;
    }
    const past = Math.floor(this._given * this._step) - this._reach - this._first;
    const cut = Math.min(Math.max(past, 0), joined.length);
    this._samples = joined.slice(cut);
    this._first += cut;
    return Float32Array.from(out);
  }

  /** Give what remains after the last sample. */
  finish() {
    const end = this._first + this._samples.length;
    const rest = this.push(new Float32Array(this._reach + 1));
    const wanted = Math.ceil(end / this._step) - (this._given - rest.length);
    return rest.subarray(0, Math.max(wanted, 0));
  }

  /** @param {Float32Array} samples @param {number} place */
  _at(samples, place) {
    const from = Math.max(Math.ceil(place - this._reach), 0);
    const to = Math.min(Math.floor(place + this._reach), samples.length - 1);
    let sum = 0;
    for (let i = from; i <= to; i++) {
      const x = Math.abs(i - place) * this._scale * STEPS;
      const below = Math.floor(x);
      if (below >= ZERO_CROSSINGS * STEPS) continue;
      sum += samples[i] * (KERNEL[below] + (x - below) * (KERNEL[below + 1] - KERNEL[below]));
    }
    return sum * this._scale;
  }
}

/** Round samples of 1 at full scale to 16 bits. @param {Float32Array} samples */
export function toInt16(samples) {
  // Not Int16Array.from, which lists all samples of an hour first.
  const rounded = new Int16Array(samples.length);
  for (let i = 0; i < samples.length; i++) {
    rounded[i] = Math.min(Math.max(Math.round(samples[i] * 32768), -32768), 32767);
  }
  return rounded;
}
