/** Finds the mark, as src/voice2face/runtime/mark_finder.py does, where it is explained. */

import {
  FACE,
  N_PILOTS,
  PAYLOAD_BITS,
  SHEET,
  atShifts,
  boxMean,
  luminance,
  readPayload,
  transform,
} from "./mark.js";

/** @typedef {import("./mark.js").Pattern} Pattern */
/** @typedef {{ sheetScore: number, faceScore: number, inPlaceScore: number, model: number | null, isMarked: boolean }} Found */

const SHEET_THRESHOLD = 7;
const FACE_THRESHOLD = 6.3;
const IN_PLACE_THRESHOLD = 5;
const READ_FROM = 4;
const FFT = 512;
const LARGEST_PX = 2304;
const FACE_BLOCK_PX = 96;
const HIGHEST = 0.48;
const MOST_POWER = 6;
const MOST_AMPLITUDE = 2.5;
const NOISE = 1.5;
const SHEET_SEARCH = { first: 0.42, last: 2.4, scaleStep: 0.009, angleStep: 0.35, angles: 20 };
const FACE_SEARCH = { first: 0.48, last: 2.2, scaleStep: 0.04, angleStep: 2, angles: 3 };
const radians = (/** @type {number} */ degrees) => (degrees * Math.PI) / 180;

/** Scales and angles that are tried. @param {typeof SHEET_SEARCH} search */
function tried({ first, last, scaleStep, angleStep, angles }) {
  const count = Math.round(Math.log(last / first) / scaleStep);
  const below = Math.round(Math.log(1 / first) / scaleStep);
  const all = [];
  for (let i = 0; i < count; i++) {
    for (let turn = -angles; turn <= angles; turn++) {
      all.push([Math.exp(scaleStep * (i - below)), radians(angleStep) * turn]);
    }
  }
  return all;
}

/**
 * Where in the spectrum a wave is; -1: beyond what pixels can show.
 *
 * @param {Pattern} pattern
 * @param {number[]} wave
 * @param {number} scale
 * @param {number} cos
 * @param {number} sin
 */
function place({ tile }, [x, y], scale, cos, sin) {
  const across = (x * cos - y * sin) / scale;
  const down = (x * sin + y * cos) / scale;
  if (Math.hypot(across, down) >= HIGHEST * tile) return -1;
  const column = (Math.round((across * FFT) / tile) + FFT) % FFT;
  return ((Math.round((down * FFT) / tile) + FFT) % FFT) * FFT + column;
}

/** @param {number} length */
function blocks(length) {
  if (length <= FFT) return [[0, length]];
  const count = Math.ceil((2 * (length - FFT)) / FFT) + 1;
  return Array.from({ length: count }, (_, i) => {
    const start = Math.floor(((length - FFT) * i) / (count - 1));
    return [start, start + FFT];
  });
}

/**
 * Transform a block, with its middle as the origin of the phases.
 *
 * @param {Float64Array} fine
 * @param {number} width
 * @param {number[]} rows
 * @param {number[]} columns
 */
function spectrum(fine, width, [top, bottom], [left, right]) {
  const values = new Float64Array(2 * FFT * FFT);
  const [midY, midX] = [(bottom - top) >> 1, (right - left) >> 1];
  for (let y = top; y < bottom; y++) {
    for (let x = left; x < right; x++) {
      const row = (y - top - midY + FFT) % FFT;
      values[2 * (row * FFT + ((x - left - midX + FFT) % FFT))] = fine[y * width + x];
    }
  }
  return transform(values, FFT, false);
}

/** @param {Float64Array} values */
const power = (values) =>
  Float64Array.from({ length: FFT * FFT }, (_, i) => values[2 * i] ** 2 + values[2 * i + 1] ** 2);

/**
 * Take the waves from a spectrum: relative to the noise, bounded, and turned back by their phases.
 *
 * @param {Pattern} pattern
 * @param {Float64Array} values
 * @param {Float64Array} noise
 * @param {number[]} at scale and angle
 */
function take(pattern, values, noise, [scale, angle]) {
  const count = pattern.waves.length;
  const [real, imaginary] = [new Float64Array(count), new Float64Array(count)];
  const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
  let seen = 0;
  pattern.waves.forEach((wave, i) => {
    const where = place(pattern, wave, scale, cos, sin);
    if (where < 0) return;
    seen++;
    const level = Math.sqrt(noise[where]);
    const [a, b] = [values[2 * where] / level, values[2 * where + 1] / level];
    const bound = Math.min(1, MOST_AMPLITUDE / Math.max(Math.hypot(a, b), 1e-9));
    const [c, s] = [Math.cos(pattern.phases[i]), -Math.sin(pattern.phases[i])];
    real[i] = bound * (a * c - b * s);
    imaginary[i] = bound * (a * s + b * c);
  });
  return { real, imaginary, seen };
}

/** @param {Float64Array} fine @param {number} width @returns {[number, number | null]} */
function findSheet(fine, width) {
  const spectra = blocks(fine.length / width).flatMap((rows) =>
    blocks(width).map((columns) => spectrum(fine, width, rows, columns)),
  );
  const mean = new Float64Array(FFT * FFT);
  for (const one of spectra) power(one).forEach((value, i) => (mean[i] += value / spectra.length));
  const noise = boxMean(mean, FFT, 12, true).map((one) => one + 1e-9);
  const relative = mean.map((one, i) => Math.min(one / noise[i], MOST_POWER));
  let score = -Infinity;
  let best = [1, 0];
  for (const [scale, angle] of tried(SHEET_SEARCH)) {
    const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
    let [sum, seen] = [0, 0];
    for (const wave of SHEET.waves) {
      const where = place(SHEET, wave, scale, cos, sin);
      if (where < 0) continue;
      sum += relative[where];
      seen++;
    }
    const one = (sum - seen) / Math.sqrt(seen);
    if (one > score) [score, best] = [one, [scale, angle]];
  }
  return [score, score < READ_FROM ? null : read(spectra, noise, best)];
}

/** @param {Float64Array[]} spectra @param {Float64Array} noise @param {number[]} best */
function read(spectra, noise, [scale, angle]) {
  let agreed = -Infinity;
  let signs = new Float64Array(0);
  for (const scales of [-0.5, 0, 0.5]) {
    for (const angles of [-0.5, 0, 0.5]) {
      const at = [
        scale * (1 + scales * SHEET_SEARCH.scaleStep),
        angle + angles * radians(SHEET_SEARCH.angleStep),
      ];
      const found = new Float64Array(3 * PAYLOAD_BITS);
      let agreement = 0;
      for (const one of spectra) {
        const { real, imaginary } = take(SHEET, one, noise, at);
        const pilots = [real, imaginary].map((values) => values.subarray(0, N_PILOTS));
        const shifts = atShifts(SHEET, pilots[0], pilots[1]);
        const highest = shifts.reduce((most, value) => Math.max(most, value), -Infinity);
        const shift = shifts.indexOf(highest);
        const [x, y] = [shift % SHEET.tile, Math.floor(shift / SHEET.tile)];
        for (let i = 0; i < found.length; i++) {
          const wave = SHEET.waves[N_PILOTS + i];
          const turn = (2 * Math.PI * (wave[0] * x + wave[1] * y)) / SHEET.tile;
          found[i] +=
            Math.max(0, highest) *
            (real[N_PILOTS + i] * Math.cos(turn) - imaginary[N_PILOTS + i] * Math.sin(turn));
        }
        agreement += highest;
      }
      if (agreement > agreed) [agreed, signs] = [agreement, found];
    }
  }
  const bits = Array.from({ length: PAYLOAD_BITS }, (_, i) =>
    signs[i] + signs[i + PAYLOAD_BITS] + signs[i + 2 * PAYLOAD_BITS] < 0 ? 1 : 0,
  );
  return readPayload(bits);
}

/** @param {Float64Array} fine @param {number} width */
function findFace(fine, width) {
  const height = fine.length / width;
  const [top, left] = [height, width].map((one) => Math.max(0, (one - FACE_BLOCK_PX) >> 1));
  const [rows, columns] = [Math.min(FACE_BLOCK_PX, height), Math.min(FACE_BLOCK_PX, width)];
  const values = spectrum(fine, width, [top, top + rows], [left, left + columns]);
  const noise = boxMean(power(values), FFT, 24, true).map((one) => one + 1e-9);
  const { tile } = FACE;
  const y = (top + (rows >> 1)) % tile;
  const x = (left + (columns >> 1)) % tile;
  const place = ((tile - y) % tile) * tile + ((tile - x) % tile);
  let [highest, inPlace] = [0, 0];
  for (const at of tried(FACE_SEARCH)) {
    const { real, imaginary, seen } = take(FACE, values, noise, at);
    if (seen <= 0.3 * FACE.waves.length) continue;
    const square = real.reduce((sum, one, i) => sum + one * one + imaginary[i] ** 2, 0);
    const shifts = atShifts(FACE, real, imaginary);
    const deviation = Math.sqrt(square / 2 + 1e-9);
    highest = shifts.reduce((most, one) => Math.max(most, one / deviation), highest);
    if (at[0] === 1 && at[1] === 0) inPlace = shifts[place] / deviation;
  }
  return [highest, inPlace];
}

/**
 * Look for the mark; of large pictures in the middle.
 *
 * @param {Uint8ClampedArray} rgba of an opaque picture
 * @param {number} width
 * @returns {Found}
 */
export function findMark(rgba, width) {
  const height = rgba.length / 4 / width;
  const [top, left] = [height, width].map((one) => Math.max(0, (one - LARGEST_PX) >> 1));
  const [rows, columns] = [Math.min(height, LARGEST_PX), Math.min(width, LARGEST_PX)];
  const whole = luminance(rgba);
  const luma = new Float64Array(rows * columns);
  for (let y = 0; y < rows; y++) {
    const start = (top + y) * width + left;
    luma.set(whole.subarray(start, start + columns), y * columns);
  }
  const smooth = boxMean(luma, columns, 5);
  const fine = luma.map((one, i) => one - smooth[i]);
  const square = boxMean(
    fine.map((one) => one * one),
    columns,
    7,
  );
  const relative = fine.map((one, i) => one / (Math.sqrt(Math.max(square[i], 0)) + NOISE));
  const [sheetScore, model] = findSheet(relative, columns);
  const [faceScore, inPlaceScore] = findFace(relative, columns);
  const isMarked =
    model !== null ||
    sheetScore >= SHEET_THRESHOLD ||
    faceScore >= FACE_THRESHOLD ||
    inPlaceScore >= IN_PLACE_THRESHOLD;
  return { sheetScore, faceScore, inPlaceScore, model, isMarked };
}
