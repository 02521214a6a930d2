/** Finds the imperceptible mark, as src/voice2face/runtime/mark_finder.py does, where it is explained. */

import { scoreFaces } from "./face_mark.js";
import {
  N_PILOTS,
  PAYLOAD_BITS,
  PHASES,
  TILE_PX,
  WAVES,
  atShifts,
  boxMean,
  luminance,
  readPayload,
  transform,
} from "./sheet_mark.js";

/** @typedef {{ sheetScore: number, faceScore: number, model: number | null, isMarked: boolean }} Found */

const SHEET_THRESHOLD = 7;
const FACE_THRESHOLD = 5.5;
const READ_FROM = 4;
const FFT = 512;
const LARGEST_PX = 2304;
const HIGHEST = 0.48;
const MOST_POWER = 6;
const MOST_AMPLITUDE = 2.5;
const NOISE = 1.5;
const SMALLEST = 0.42;
const LARGEST = 2.4;
const SCALE_STEP = 0.009;
const ANGLE_STEP = (0.35 * Math.PI) / 180;
const ANGLES = 20;

/** Scales and angles that are tried. */
function tried() {
  const count = Math.round(Math.log(LARGEST / SMALLEST) / SCALE_STEP);
  const below = Math.round(Math.log(1 / SMALLEST) / SCALE_STEP);
  const all = [];
  for (let i = 0; i < count; i++) {
    for (let turn = -ANGLES; turn <= ANGLES; turn++) {
      all.push([Math.exp(SCALE_STEP * (i - below)), ANGLE_STEP * turn]);
    }
  }
  return all;
}

/**
 * Where in the spectrum a wave is; -1: beyond what pixels can show.
 *
 * @param {number[]} wave
 * @param {number} scale
 * @param {number} cos
 * @param {number} sin
 */
function place([x, y], scale, cos, sin) {
  const across = (x * cos - y * sin) / scale;
  const down = (x * sin + y * cos) / scale;
  if (Math.hypot(across, down) >= HIGHEST * TILE_PX) return -1;
  const column = (Math.round((across * FFT) / TILE_PX) + FFT) % FFT;
  return ((Math.round((down * FFT) / TILE_PX) + FFT) % FFT) * FFT + column;
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
 * @param {Float64Array} values
 * @param {Float64Array} noise
 * @param {number[]} at scale and angle
 */
function take(values, noise, [scale, angle]) {
  const count = WAVES.length;
  const [real, imaginary] = [new Float64Array(count), new Float64Array(count)];
  const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
  WAVES.forEach((wave, i) => {
    const where = place(wave, scale, cos, sin);
    if (where < 0) return;
    const level = Math.sqrt(noise[where]);
    const [a, b] = [values[2 * where] / level, values[2 * where + 1] / level];
    const bound = Math.min(1, MOST_AMPLITUDE / Math.max(Math.hypot(a, b), 1e-9));
    const [c, s] = [Math.cos(PHASES[i]), -Math.sin(PHASES[i])];
    real[i] = bound * (a * c - b * s);
    imaginary[i] = bound * (a * s + b * c);
  });
  return { real, imaginary };
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
  for (const [scale, angle] of tried()) {
    const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
    let [sum, seen] = [0, 0];
    for (const wave of WAVES) {
      const where = place(wave, scale, cos, sin);
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
      const at = [scale * (1 + scales * SCALE_STEP), angle + angles * ANGLE_STEP];
      const found = new Float64Array(3 * PAYLOAD_BITS);
      let agreement = 0;
      for (const one of spectra) {
        const { real, imaginary } = take(one, noise, at);
        const pilots = [real, imaginary].map((values) => values.subarray(0, N_PILOTS));
        const shifts = atShifts(pilots[0], pilots[1]);
        const highest = shifts.reduce((most, value) => Math.max(most, value), -Infinity);
        const shift = shifts.indexOf(highest);
        const [x, y] = [shift % TILE_PX, Math.floor(shift / TILE_PX)];
        for (let i = 0; i < found.length; i++) {
          const wave = WAVES[N_PILOTS + i];
          const turn = (2 * Math.PI * (wave[0] * x + wave[1] * y)) / TILE_PX;
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
  const faceScore = scoreFaces(luma, columns);
  const isMarked = model !== null || sheetScore >= SHEET_THRESHOLD || faceScore >= FACE_THRESHOLD;
  return { sheetScore, faceScore, model, isMarked };
}
