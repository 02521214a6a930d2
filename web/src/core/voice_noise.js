/** What of a face's noise follows from the voice, as in src/voice2face/runtime/voice_noise.py. */

import { dot } from "./numbers.js";

/** @typedef {import("./description.js").VoiceNoise} VoiceNoise */

const LEAST_LENGTH = 1e-12;
const THIRD = (2 * Math.PI) / 3;

/**
 * Tell where in the plane a voice is.
 *
 * @param {VoiceNoise} map
 * @param {Float32Array} embedding of unit length
 * @param {number | null} womanProbability null counts as one half
 * @returns {[number, number]}
 */
export function place({ woman, man, directions }, embedding, womanProbability) {
  const p = womanProbability ?? 0.5;
  const rest = Array.from(embedding, (value, i) => value - (p * woman[i] + (1 - p) * man[i]));
  return [dot(directions[0], rest), dot(directions[1], rest)];
}

/**
 * Weigh the two noises of a face by where a voice is.
 *
 * @param {[number, number]} place
 * @param {number} angle by which the plane is turned, in radians
 * @param {3 | 4} sectors
 * @returns {Float64Array} 2 numbers, of unit length
 */
export function weights([x, y], angle, sectors) {
  const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
  const turned = [cos * x - sin * y, sin * x + cos * y];
  const steps = sectors === 4 ? turned.map(Math.tanh) : third(turned);
  const length = Math.hypot(...steps);
  // The average voice is in no sector, and gets the first noise.
  return Float64Array.from(length > LEAST_LENGTH ? steps.map((step) => step / length) : [1, 0]);
}

/**
 * Mean of the middles of three sectors, by a softmax of how far a point lies in each.
 *
 * @param {number[]} point
 */
function third(point) {
  const middles = [0, 1, 2].map((k) => [Math.cos(k * THIRD), Math.sin(k * THIRD)]);
  const scores = middles.map((middle) => dot(middle, point));
  const most = Math.max(...scores);
  const shares = scores.map((score) => Math.exp(score - most));
  const sum = shares.reduce((one, other) => one + other);
  return [0, 1].map(
    (axis) => shares.reduce((of, share, k) => of + share * middles[k][axis], 0) / sum,
  );
}
