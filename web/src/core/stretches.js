/** The best stretches of a long recording, as src/voice2face/audio/stretches.py chooses them. */

import { percentile } from "./numbers.js";

/** @typedef {import("./voice_activity.js").VoiceActivity} VoiceActivity */

/** Of a longer recording, the stretches with most clear speech are used, so long together. */
export const LONGEST_S = 600;
const STRETCH_S = 20;
const FRAME_MS = 30;
const VAD_MODE = 2;
/** A sample this near to full scale counts as clipped, and a frame with more of them too. */
const CLIPPED = 32700;
const MOST_CLIPPED = 0.01;
/** Speech this far above the quietest frames of its stretch is as clear as can be. */
const CLEAR_DB = 30;

/**
 * @typedef {object} Used
 * @property {Int16Array} samples all of them, or stretches joined end to end
 * @property {number} wholeS length of the recording
 */

/**
 * Keep all of a recording up to a limit, else its best stretches, in their order.
 *
 * @param {Int16Array} samples
 * @param {number} sampleRateHz
 * @param {VoiceActivity} voiceActivity
 * @param {number} [longestS]
 * @returns {Used}
 */
export function bestStretches(samples, sampleRateHz, voiceActivity, longestS = LONGEST_S) {
  const wholeS = samples.length / sampleRateHz;
  if (wholeS <= longestS) return { samples, wholeS };
  const length = STRETCH_S * sampleRateHz;
  const stretches = Array.from({ length: Math.ceil(samples.length / length) }, (_, i) =>
    samples.subarray(i * length, (i + 1) * length),
  );
  const ratings = stretches.map((one) => clearSpeechS(one, sampleRateHz, voiceActivity));
  const kept = ratings
    .map((_, i) => i)
    .sort((a, b) => ratings[b] - ratings[a]) // of equals, the earlier stays
    .slice(0, Math.max(1, Math.floor(longestS / STRETCH_S)))
    .sort((a, b) => a - b);
  const joined = new Int16Array(kept.reduce((sum, i) => sum + stretches[i].length, 0));
  let at = 0;
  for (const i of kept) {
    joined.set(stretches[i], at);
    at += stretches[i].length;
  }
  return { samples: joined, wholeS };
}

/**
 * Tell how many seconds of clear speech a stretch holds; see the module of Python.
 *
 * @param {Int16Array} stretch
 * @param {number} sampleRateHz
 * @param {VoiceActivity} voiceActivity
 */
function clearSpeechS(stretch, sampleRateHz, voiceActivity) {
  const size = (sampleRateHz * FRAME_MS) / 1000;
  const frames = Array.from({ length: Math.floor(stretch.length / size) }, (_, i) =>
    stretch.subarray(i * size, (i + 1) * size),
  );
  const speech = voiceActivity.areSpeech(frames, sampleRateHz, VAD_MODE);
  const levelsDb = Float64Array.from(frames, levelDb);
  const clear = levelsDb.filter((_, i) => speech[i] && clippedShare(frames[i]) <= MOST_CLIPPED);
  if (!clear.length) return 0;
  const aboveDb = percentile(clear, 50) - percentile(levelsDb, 10);
  return (clear.length * FRAME_MS * Math.min(Math.max(aboveDb / CLEAR_DB, 0), 1)) / 1000;
}

/** @param {Int16Array} frame */
function levelDb(frame) {
  const power = frame.reduce((sum, sample) => sum + sample * sample, 0) / frame.length;
  return 10 * Math.log10(power + 1);
}

/** @param {Int16Array} frame */
function clippedShare(frame) {
  const clipped = frame.reduce((n, sample) => n + Number(Math.abs(sample) >= CLIPPED), 0);
  return clipped / frame.length;
}
