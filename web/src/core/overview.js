/** What is drawn of a recording: the level and the log-mel spectrogram over time. */

import { LogMel } from "./log_mel.js";

/** @typedef {import("./description.js").FrontEnd} FrontEnd */

/**
 * @typedef {object} Overview
 * @property {number} columnS seconds from one column to the next
 * @property {Float32Array} peaks of each column, 1 at full scale
 * @property {Float32Array} bands (columns, n_mels) natural logarithm of energy
 */

/** More columns than any screen shows. */
const MOST_COLUMNS = 4000;

/**
 * Look at a whole recording: a column a frame of the front end, or fewer for a long one.
 *
 * @param {Int16Array} waveform
 * @param {FrontEnd} settings
 * @returns {Overview}
 */
export function overview(waveform, settings) {
  const frames = Math.ceil(waveform.length / settings.hop_length);
  const hop = settings.hop_length * Math.max(1, Math.ceil(frames / MOST_COLUMNS));
  return columns(waveform, 0, Math.ceil(waveform.length / hop), hop, settings);
}

/**
 * Look at a stretch of a recording.
 *
 * @param {Int16Array} waveform
 * @param {number} first number of the first column
 * @param {number} count
 * @param {number} hop samples from one column to the next
 * @param {FrontEnd} settings
 * @returns {Overview}
 */
export function columns(waveform, first, count, hop, settings) {
  const { n_mels, frame_length, sample_rate_hz } = settings;
  const transform = new LogMel(settings);
  const peaks = new Float32Array(count);
  const bands = new Float32Array(count * n_mels);
  const frame = new Float64Array(frame_length);
  for (let column = 0; column < count; column++) {
    const start = (first + column) * hop;
    const heard = waveform.subarray(start, start + hop);
    peaks[column] = heard.reduce((peak, sample) => Math.max(peak, Math.abs(sample)), 0) / 32768;
    frame.fill(0).set(waveform.subarray(start, start + frame_length));
    const before = start ? waveform[start - 1] : 0;
    transform.frame(frame, before, bands.subarray(column * n_mels, (column + 1) * n_mels));
  }
  return { columnS: hop / sample_rate_hz, peaks, bands };
}
