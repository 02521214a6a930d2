/** Which random numbers belong to which face, as in src/voice2face/runtime/sampling.py. */

import { dot } from "./numbers.js";
import { Stream, normals, uniforms } from "./random.js";

/**
 * Draw the noise of a face.
 *
 * @param {number | bigint} seed
 * @param {number} index number of the face, from 0
 * @param {number} dim
 * @param {ArrayLike<number> | null} weights 2 of a voice; null: the noise does not depend on it
 * @param {number} [redraw] how many times the face was generated before
 * @returns {Float32Array} standard normal
 */
export function noise(seed, index, dim, weights, redraw = 0) {
  const count = weights ? 2 * dim : dim;
  const both = normals(seed, Stream.NOISE, index, (redraw + 1) * count).subarray(redraw * count);
  if (!weights) return Float32Array.from(both);
  return Float32Array.from(
    { length: dim },
    (_, i) => weights[0] * both[i] + weights[1] * both[dim + i],
  );
}

/**
 * Give the angle by which the plane of voices is turned for a face, in radians.
 *
 * @param {number | bigint} seed
 * @param {number} index
 */
export function angle(seed, index) {
  return 2 * Math.PI * uniforms(seed, Stream.ANGLE, index, 1)[0];
}

/**
 * Choose what a further face hears, for a generator that takes an embedding alone.
 *
 * @param {number | bigint} seed
 * @param {number} index number of the face, from 1
 * @param {number} nFrames
 * @param {number} embeddingDim
 * @returns {{ start: number, jitter: Float64Array }} first frame, and standard normal numbers
 */
export function stretch(seed, index, nFrames, embeddingDim) {
  return {
    start: Math.floor(uniforms(seed, Stream.CROP, index, 1)[0] * nFrames),
    jitter: normals(seed, Stream.JITTER, index, embeddingDim),
  };
}

/**
 * Choose the gender of a face: face 0 has the more probable one, each further one is a woman with
 * the probability.
 *
 * @param {number | bigint} seed
 * @param {number} index
 * @param {number} probability
 */
export function isWoman(seed, index, probability) {
  return (index ? uniforms(seed, Stream.GENDER, index, 1)[0] : 0.5) < probability;
}

/**
 * Walk along the great circle from one point of the unit sphere to another.
 *
 * @template {Float32Array | Float64Array} Point
 * @param {Point} first of unit length
 * @param {Point} last of unit length
 * @param {number} steps points to give, at least 2, both ends with them
 * @returns {Point[]} of unit length, at equal angles
 */
export function slerp(first, last, steps) {
  const cosine = dot(first, last);
  let across = Float64Array.from(last, (value, i) => value - cosine * first[i]);
  if (Math.sqrt(dot(across, across)) < 1e-6) {
    // Of two opposite points, the way is through an axis that both are far from.
    const sizes = Array.from(first, Math.abs);
    const axis = sizes.indexOf(Math.min(...sizes));
    across = Float64Array.from(first, (value, i) => Number(i === axis) - first[axis] * value);
  }
  const length = Math.sqrt(dot(across, across));
  across = across.map((value) => value / length);
  const angle = Math.atan2(dot(across, last), cosine);
  return Array.from({ length: steps }, (_, step) => {
    if (step === 0) return first;
    if (step === steps - 1) return last;
    const at = (angle * step) / (steps - 1);
    const point = first.map((value, i) => Math.cos(at) * value + Math.sin(at) * across[i]);
    return /** @type {Point} */ (point);
  });
}
