/**
 * Log-mel spectrogram of a voiced waveform, as src/voice2face/audio/log_mel.py computes it (the
 * front end of the authors' published code for Wen et al. 2019, arXiv 1905.10604).
 */

import FFT from "fft.js";

import { percentile, roundHalfEven } from "./numbers.js";

/** @typedef {import("./description.js").FrontEnd} FrontEnd */

const LOUD_PERCENTILE = 95;
const FLOAT32_EPSILON = 2 ** -23;

/**
 * Build the triangular mel filters, each cut to the FFT bins that it weighs.
 *
 * @param {FrontEnd} settings
 * @returns {{ first: number, weights: Float32Array }[]} of each band
 */
export function melFilters(settings) {
  const { n_mels, n_fft, sample_rate_hz, f_min_hz, f_max_hz } = settings;
  const hzPerBin = sample_rate_hz / n_fft;
  const mel = (/** @type {number} */ hz) => 2595 * Math.log10(1 + hz / 700);
  const low = mel(f_min_hz);
  const step = (mel(f_max_hz) - low) / (n_mels + 1);
  const edges = Array.from({ length: n_mels + 2 }, (_, i) =>
    roundHalfEven((700 * (10 ** ((low + i * step) / 2595) - 1)) / hzPerBin),
  );
  return Array.from({ length: n_mels }, (_, band) => {
    const [left, centre, right] = edges.slice(band, band + 3);
    const weights = new Float32Array(right - left + 1);
    for (let bin = left; bin <= right; bin++) {
      const rising = bin === centre ? 1 : (bin - left) / (centre - left);
      const height = bin <= centre ? rising : (right - bin) / (right - centre);
      weights[bin - left] = (height * 2) / ((right - left) * hzPerBin);
    }
    return { first: left, weights };
  });
}

/** Computes frames of the spectrogram of one waveform, one after another. */
export class LogMel {
  /** @param {FrontEnd} settings */
  constructor(settings) {
    if (settings.n_fft & (settings.n_fft - 1)) {
      throw new Error(`n_fft is ${settings.n_fft}; this page needs a power of 2`);
    }
    this.settings = settings;
    this._filters = melFilters(settings);
    this._fft = new FFT(settings.n_fft);
    this._padded = new Float64Array(settings.n_fft);
    /** @type {number[]} */
    this._spectrum = this._fft.createComplexArray();
    /** Of each FFT bin, in the frame computed last. */
    this.power = new Float32Array(settings.n_fft / 2 + 1);
    const length = settings.frame_length;
    this._window = Float64Array.from(
      { length },
      (_, i) => 0.54 - 0.46 * Math.cos((2 * Math.PI * i) / (length - 1)),
    );
  }

  /**
   * Compute one frame: the natural logarithm of each band's energy.
   *
   * @param {ArrayLike<number>} samples int16 values of the frame
   * @param {number} before the sample that the pre-emphasis filter takes as the one before
   * @param {Float32Array} out (n_mels)
   */
  frame(samples, before, out) {
    const { frame_length, preemphasis, log_floor } = this.settings;
    for (let i = 0, last = before; i < frame_length; last = samples[i], i++) {
      this._padded[i] = (samples[i] - preemphasis * last) * this._window[i];
    }
    this._fft.realTransform(this._spectrum, this._padded);
    for (let bin = 0; bin < this.power.length; bin++) {
      const real = this._spectrum[2 * bin];
      const imaginary = this._spectrum[2 * bin + 1];
      this.power[bin] = real * real + imaginary * imaginary;
    }
    this._filters.forEach(({ first, weights }, band) => {
      let energy = 0;
      for (let i = 0; i < weights.length; i++) energy += weights[i] * this.power[first + i];
      out[band] = Math.log(Math.max(energy, log_floor));
    });
  }
}

/**
 * Compute the log-mel spectrogram of a waveform, before normalisation.
 *
 * Frame k starts at sample hop_length * k. A frame that runs past the end is extended by repeating
 * its own samples, an empty one is zeros. The pre-emphasis filter takes as the sample before a
 * frame the last one of the frame before it, as extended (0 for the first).
 *
 * @param {Int16Array} waveform
 * @param {FrontEnd} settings
 * @returns {Float32Array} (frames, n_mels)
 */
export function logMel(waveform, settings) {
  const { frame_length: length, hop_length: hop, n_mels } = settings;
  const nFrames = Math.floor(waveform.length / hop) + 1;
  const bands = new Float32Array(nFrames * n_mels);
  const transform = new LogMel(settings);
  let before = 0;
  for (let k = 0; k < nFrames; k++) {
    /** @type {ArrayLike<number>} */
    let samples = waveform.subarray(k * hop, k * hop + length);
    if (samples.length < length) {
      const rest = samples;
      samples = Float64Array.from({ length }, (_, i) => (rest.length ? rest[i % rest.length] : 0));
    }
    transform.frame(samples, before, bands.subarray(k * n_mels, (k + 1) * n_mels));
    before = samples[length - 1];
  }
  return bands;
}

/**
 * Bring each mel band to zero mean and unit variance over the recording.
 *
 * @param {Float32Array} bands (frames, n_mels)
 * @param {Pick<FrontEnd, "n_mels" | "band_range_db">} settings
 * @returns {Float32Array} (frames, n_mels)
 */
export function normaliseBands(bands, { n_mels, band_range_db }) {
  const nFrames = bands.length / n_mels;
  const normalised = new Float32Array(bands.length);
  const band = new Float32Array(nFrames);
  for (let mel = 0; mel < n_mels; mel++) {
    for (let k = 0; k < nFrames; k++) band[k] = bands[k * n_mels + mel];
    if (band_range_db !== null) {
      const range = Math.fround((band_range_db / 10) * Math.LN10);
      const least = Math.fround(percentile(band, LOUD_PERCENTILE) - range);
      for (let k = 0; k < nFrames; k++) band[k] = Math.max(band[k], least);
    }
    let sum = 0;
    for (let k = 0; k < nFrames; k++) sum += band[k];
    const mean = Math.fround(sum / nFrames);
    let squares = 0;
    for (let k = 0; k < nFrames; k++) {
      band[k] -= mean;
      squares += band[k] * band[k];
    }
    const scale = Math.fround(Math.sqrt(squares / nFrames)) + FLOAT32_EPSILON;
    for (let k = 0; k < nFrames; k++) normalised[k * n_mels + mel] = band[k] / scale;
  }
  return normalised;
}

/**
 * Take frames of a spectrogram, going on at its start where it ends.
 *
 * @param {Float32Array} bands (frames, n_mels)
 * @param {number} nMels
 * @param {number} first number of the first frame
 * @param {number} count
 * @returns {Float32Array} (count, n_mels)
 */
export function cyclicFrames(bands, nMels, first, count) {
  const taken = new Float32Array(count * nMels);
  const offset = first * nMels;
  for (let i = 0; i < taken.length; i++) taken[i] = bands[(offset + i) % bands.length];
  return taken;
}
