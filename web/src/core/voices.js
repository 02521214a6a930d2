/** Whose speech is whose, as src/voice2face/runtime/voices.py tells: windows, clustered by voice. */

import { normaliseBands } from "./log_mel.js";
import { dot, unit } from "./numbers.js";

/** Of 10 ms: two and a half seconds, half of which is the next window's too. */
export const WINDOW_FRAMES = 250;
export const HOP_FRAMES = 125;
/** With less speech than ten seconds, nobody asks whether two people speak. */
export const LEAST_FRAMES = 1000;
/** A second voice has this share of the windows at least. */
const LEAST_SHARE = 0.12;
const MOST_ROUNDS = 50;

/**
 * Windows of a recording's speech, each of one of its voices.
 *
 * @typedef {object} Division
 * @property {Float32Array[]} embeddings of each window, of unit length
 * @property {Uint8Array} labels number of each window's voice, the most frequent first
 * @property {number} nFrames frames of the speech
 */

/**
 * Embed windows of a recording's speech, each normalised by itself.
 *
 * @param {Float32Array} bands (frames, nMels), normalised
 * @param {number} nMels
 * @param {(bands: Float32Array) => Promise<Float32Array>} embed
 */
export async function windowsOf(bands, nMels, embed) {
  const nFrames = bands.length / nMels;
  const count = Math.max(1, Math.floor((nFrames - WINDOW_FRAMES) / HOP_FRAMES) + 1);
  const found = [];
  for (let i = 0; i < count; i++) {
    const first = i * HOP_FRAMES * nMels;
    const cut = bands.subarray(first, first + WINDOW_FRAMES * nMels);
    found.push(await embed(normaliseBands(cut, { n_mels: nMels, band_range_db: null })));
  }
  return found;
}

/**
 * Divide windows of speech among voices: Ward's agglomeration, improved by spherical k-means.
 *
 * @param {Float32Array[]} embeddings
 * @param {number} nFrames
 * @param {number} nVoices
 * @returns {Division}
 */
export function divide(embeddings, nFrames, nVoices) {
  const n = Math.min(nVoices, embeddings.length);
  let labels = agglomerated(embeddings, n);
  for (let round = 0; round < MOST_ROUNDS; round++) {
    const moved = Uint8Array.from(likeness(embeddings, labels), greatest);
    const settled = moved.every((label, i) => label === labels[i]);
    if (settled || new Set(moved).size < n) break;
    labels = moved;
  }
  return { embeddings, labels: largestFirst(labels), nFrames };
}

/** Cosine of the mean directions of two voices; 1 where one has hardly any. @param {Division} of */
export function cosineOfTwo({ embeddings, labels }) {
  const second = labels.reduce((sum, label) => sum + label, 0);
  if (!second || second < LEAST_SHARE * labels.length) return 1;
  const [a, b] = centres(embeddings, labels);
  return dot(a, b);
}

/**
 * Tell which voice each frame of the speech is of, who speaks most first: that which the windows
 * over it are most like.
 *
 * @param {Division} division
 */
export function whose({ embeddings, labels, nFrames }) {
  const alike = likeness(embeddings, labels);
  // Between two beginnings of windows lie two windows' halves; at the ends, one's.
  const ofHop = Uint8Array.from({ length: alike.length + 1 }, (_, i) => {
    const [before, after] = [alike[Math.max(i - 1, 0)], alike[Math.min(i, alike.length - 1)]];
    return greatest(before.map((value, voice) => value + after[voice]));
  });
  const hop = (/** @type {number} */ frame) =>
    Math.min(Math.floor(frame / HOP_FRAMES), ofHop.length - 1);
  return largestFirst(Uint8Array.from({ length: nFrames }, (_, frame) => ofHop[hop(frame)]));
}

/**
 * Take what one voice says.
 *
 * @param {Float32Array} bands (frames, nMels) of all speech
 * @param {number} nMels
 * @param {Uint8Array} owners of `whose`
 * @param {number} voice
 * @returns {Float32Array} (frames, nMels), normalised
 */
export function partOf(bands, nMels, owners, voice) {
  const own = bands.filter((_, i) => owners[Math.floor(i / nMels)] === voice);
  return normaliseBands(own, { n_mels: nMels, band_range_db: null });
}

/** Number labels anew, the most frequent first; of equals, the first. @param {Uint8Array} labels */
function largestFirst(labels) {
  /** @type {Map<number, number>} */
  const counts = new Map();
  for (const label of labels) counts.set(label, (counts.get(label) ?? 0) + 1);
  // A map keeps the order in which its keys came, and the sort keeps that of equals.
  const order = [...counts].sort((a, b) => b[1] - a[1]).map(([label]) => label);
  return labels.map((label) => order.indexOf(label));
}

/** @param {Float32Array[]} embeddings @param {Uint8Array} labels from 0, none left out */
function centres(embeddings, labels) {
  const nVoices = Math.max(...labels) + 1;
  return Array.from({ length: nVoices }, (_, voice) => {
    const sum = new Float32Array(embeddings[0].length);
    embeddings.forEach((one, i) => {
      if (labels[i] === voice) one.forEach((value, axis) => (sum[axis] += value));
    });
    return unit(sum);
  });
}

/** Cosine of each window with each voice's mean. @param {Float32Array[]} embeddings @param {Uint8Array} labels */
function likeness(embeddings, labels) {
  const means = centres(embeddings, labels);
  return embeddings.map((one) => means.map((mean) => dot(one, mean)));
}

/** Place of the greatest number, the first of equals. @param {number[]} values */
const greatest = (values) => values.indexOf(Math.max(...values));

/**
 * Join the two clusters whose squared deviations grow least, until so many are left (Ward 1963).
 *
 * @param {Float32Array[]} points of unit length
 * @param {number} nClusters
 */
function agglomerated(points, nClusters) {
  const labels = points.map((_, i) => i);
  const sizes = points.map(() => 1);
  // Half of the squared distance.
  const cost = points.map((one, i) =>
    Float64Array.from(points, (other, j) =>
      i === j ? Infinity : Math.max(1 - dot(one, other), 0),
    ),
  );
  for (let left = points.length; left > nClusters; left--) {
    const [one, other] = cheapest(cost);
    // Lance and Williams 1967, for Ward's criterion.
    const apart = cost[one][other];
    const joined = points.map((_, i) => {
      const [a, b] = [cost[one][i], cost[other][i]];
      if (i === one || i === other || a === Infinity || b === Infinity) return Infinity;
      const weighed = (sizes[i] + sizes[one]) * a + (sizes[i] + sizes[other]) * b;
      return (weighed - sizes[i] * apart) / (sizes[i] + sizes[one] + sizes[other]);
    });
    joined.forEach((value, i) => {
      cost[one][i] = cost[i][one] = value;
      cost[other][i] = cost[i][other] = Infinity;
    });
    sizes[one] += sizes[other];
    labels.forEach((label, i) => label === other && (labels[i] = one));
  }
  const kept = [...new Set(labels)].sort((a, b) => a - b);
  return Uint8Array.from(labels, (label) => kept.indexOf(label));
}

/** Row and column of the least number, the first of equals. @param {Float64Array[]} cost */
function cheapest(cost) {
  let [row, column] = [0, 1];
  cost.forEach((values, i) =>
    values.forEach((value, j) => {
      if (value < cost[row][column]) [row, column] = [i, j];
    }),
  );
  return row < column ? [row, column] : [column, row];
}
