/** What of a face's noise follows from the voice, as in src/voice2face/runtime/voice_noise.py. */

import { dot } from "./numbers.js";

/** @typedef {import("./description.js").VoiceNoise} VoiceNoise */

const LEAST_LENGTH = 1e-12;

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
 * @returns {Float64Array} 2 numbers, of unit length
 */
export function weights([x, y], angle) {
  const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
  const steps = [Math.tanh(cos * x - sin * y), Math.tanh(sin * x + cos * y)];
  const length = Math.hypot(...steps);
  // The average voice is in no quadrant, and gets the first noise.
  return Float64Array.from(length > LEAST_LENGTH ? steps.map((step) => step / length) : [1, 0]);
}
