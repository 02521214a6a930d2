/** The stages from a waveform to what the voice network receives, as pictures of numbers. */

import { LogMel, normaliseBands } from "../core/log_mel.js";

/** @typedef {import("../core/description.js").FrontEnd} FrontEnd */

/**
 * @typedef {object} Stages
 * @property {number} frames
 * @property {Float32Array} power (frames, n_fft / 2 + 1)
 * @property {Float32Array} decibel of `power`, above 1
 * @property {Float32Array} mel (frames, n_mels) energy of each band
 * @property {Float32Array} logMel natural logarithm of `mel`
 * @property {Float32Array} normalised each band at mean 0 and deviation 1
 */

/**
 * Compute all stages of a recording, whether it is voiced or not.
 *
 * @param {Int16Array} waveform
 * @param {FrontEnd} settings
 * @returns {Stages}
 */
export function stagesOf(waveform, settings) {
  const { frame_length: length, hop_length: hop, n_mels, n_fft } = settings;
  const bins = n_fft / 2 + 1;
  const frames = Math.max(1, Math.floor((waveform.length - length) / hop) + 1);
  const transform = new LogMel(settings);
  const power = new Float32Array(frames * bins);
  const logMel = new Float32Array(frames * n_mels);
  const samples = new Float64Array(length);
  for (let k = 0; k < frames; k++) {
    samples.fill(0).set(waveform.subarray(k * hop, k * hop + length));
    const before = k ? waveform[k * hop - 1] : 0;
    transform.frame(samples, before, logMel.subarray(k * n_mels, (k + 1) * n_mels));
    power.set(transform.power, k * bins);
  }
  return {
    frames,
    power,
    decibel: power.map((one) => 10 * Math.log10(Math.max(one, 1))),
    mel: logMel.map(Math.exp),
    logMel,
    normalised: normaliseBands(logMel, settings),
  };
}

/**
 * Find what is drawn darkest and brightest, so that a few extremes do not decide.
 *
 * @param {Float32Array} values
 * @param {number} low share of the values below the darkest
 * @param {number} high share of the values below the brightest
 */
export function rangeOf(values, low, high) {
  const sorted = values.slice().sort();
  const at = (/** @type {number} */ share) => sorted[Math.floor(share * (sorted.length - 1))];
  return { least: at(low), most: at(high) };
}
