/** How surely a voice is a woman's, as src/voice2face/runtime/gender_evidence.py tells. */

import { dot, unit } from "./numbers.js";

/** @typedef {import("./description.js").GenderEvidence} GenderEvidence */

const LEAST_LENGTH = 1e-6;
/** Below this, the words say that it is uncertain whether a woman or a man speaks. */
const UNCERTAIN = 0.8;

/**
 * Distance from the boundary along the axis; above 0 on the women's side.
 *
 * @param {GenderEvidence} gender
 * @param {ArrayLike<number>} embedding
 */
function distance(gender, embedding) {
  return dot(gender.axis, embedding) + gender.bias / gender.scale;
}

/**
 * @param {GenderEvidence} gender
 * @param {ArrayLike<number>} embedding of unit length
 */
export function probabilityOfWoman(gender, embedding) {
  return 0.5 + 0.5 * Math.tanh((gender.scale * distance(gender, embedding)) / 2);
}

/**
 * Give the voice as it would be on the wanted side of the boundary, at least at the margin.
 *
 * @param {GenderEvidence} gender
 * @param {Float32Array} embedding of unit length
 * @param {boolean} woman
 * @returns {Float32Array} of unit length
 */
export function onSide(gender, embedding, woman) {
  const { axis, scale, bias, margin } = gender;
  const from = distance(gender, embedding);
  if (from > 0 === woman && Math.abs(from) >= margin) return embedding;
  const side = woman ? 1 : -1;
  const wanted = side * Math.max(Math.abs(from), margin) - bias / scale;
  const along = Math.min(Math.max(wanted, -1), 1);
  const projection = dot(axis, embedding);
  const rest = axis.map((value, i) => embedding[i] - projection * value);
  const length = Math.sqrt(dot(rest, rest));
  if (length < LEAST_LENGTH) return unit(axis.map((value) => side * value));
  const across = Math.sqrt(1 - along ** 2) / length;
  return unit(axis.map((value, i) => along * value + across * rest[i]));
}

/**
 * What the voice sounds like, in plain words.
 *
 * @param {number} probability that a woman speaks
 */
export function heard(probability) {
  const confidence = Math.max(probability, 1 - probability);
  const percent = Math.min(roundPercent(confidence), 99); // never certain
  if (confidence < UNCERTAIN) return `woman or man: uncertain, ${percent} %`;
  return `sounds like a ${probability > 0.5 ? "woman" : "man"}: ${percent} %`;
}

/**
 * What one of a recording's voices sounds like, in the words of the command.
 *
 * @param {{ share: number, heard: string }[]} voices
 * @param {number} number of the voice
 */
export function told(voices, number) {
  const { share, heard } = voices[number];
  if (voices.length === 1) return heard;
  const which = `voice ${number + 1}, ${roundPercent(share)} % of the speech`;
  return [which, heard].filter(Boolean).join(": ");
}

/** @param {number} share */
const roundPercent = (share) => Math.round(100 * share);
