/** Compares what this app computes of recordings with what Python does (see golden.py). */

/**
 * @typedef {object} Computed
 * @property {Float32Array} bands
 * @property {number} speechS
 * @property {Float32Array} embedding
 * @property {number | null} womanProbability
 * @property {number | null} speechProbability
 * @property {Uint8ClampedArray[]} faces RGBA
 * @property {Uint8ClampedArray[]} morph RGBA
 */

/** Greatest differences allowed; `faces` and `morph` in grey levels. */
export const TOLERANCES = {
  bands: 1e-4,
  embedding: 1e-4,
  womanProbability: 1e-3,
  speechProbability: 1e-3,
  faces: 1,
  morph: 1,
};

/** @param {ArrayLike<number>} a @param {ArrayLike<number>} b */
export function greatestDifference(a, b) {
  if (a.length !== b.length) return Infinity;
  let greatest = 0;
  for (let i = 0; i < a.length; i++) {
    const difference = Math.abs(a[i] - b[i]);
    if (!(difference <= greatest)) greatest = difference; // NaN is kept
  }
  return greatest;
}

/** @param {Uint8ClampedArray[]} faces RGBA @returns {Uint8Array} RGB */
function withoutAlpha(faces) {
  const all = faces.flatMap((face) => Array.from(face));
  return Uint8Array.from(all.filter((_, i) => i % 4 < 3));
}

/**
 * @param {Computed} computed
 * @param {object} golden
 * @param {Float32Array} golden.bands
 * @param {Float32Array} golden.embedding
 * @param {Uint8Array} golden.faces
 * @param {Uint8Array} golden.morph
 * @param {number | null} golden.womanProbability
 * @param {number | null} golden.speechProbability
 * @returns {Record<keyof TOLERANCES, number>} greatest differences
 */
export function compare(computed, golden) {
  const probability = (/** @type {"womanProbability" | "speechProbability"} */ name) =>
    greatestDifference([computed[name] ?? -1], [golden[name] ?? -1]);
  return {
    bands: greatestDifference(computed.bands, golden.bands),
    embedding: greatestDifference(computed.embedding, golden.embedding),
    womanProbability: probability("womanProbability"),
    speechProbability: probability("speechProbability"),
    faces: greatestDifference(withoutAlpha(computed.faces), golden.faces),
    morph: greatestDifference(withoutAlpha(computed.morph), golden.morph),
  };
}
