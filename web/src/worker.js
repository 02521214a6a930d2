/**
 * All that is computed of a recording, beside the page so that it stays responsive. The page hands
 * over the files of the model: nothing is requested from here.
 */

import { Bundle, useRuntime } from "./core/bundle.js";
import { readDescription } from "./core/description.js";
import { findMark } from "./core/mark_finder.js";
import { mix } from "./core/mix.js";
import { overview } from "./core/overview.js";
import { RecordingError, VoiceToFace } from "./core/pipeline.js";
import { toInt16 } from "./core/resample.js";
import { bestStretches } from "./core/stretches.js";
import { Take } from "./core/take.js";
import { VoiceActivity } from "./core/voice_activity.js";
import { onRequests } from "./page/requests.js";

/** @typedef {import("./core/pipeline.js").Sampling} Sampling */
/** @typedef {import("./core/pipeline.js").Speech} Speech */
/** @typedef {import("./core/pipeline.js").Voice} Voice */

/** @type {VoiceToFace} */
let model;
/** @type {VoiceActivity} */
let voiceActivity;
/** @type {Take} */
let take;
/** The recordings heard last, by the page's names for them. @type {Map<string, Speech>} */
const speeches = new Map();
/** The voices taken last, by the page's names for them. @type {Map<string, Voice>} */
const voices = new Map();

const procedures = {
  /**
   * @param {object} files
   * @param {ArrayBuffer} files.runtime
   * @param {ArrayBuffer} files.vad
   * @param {any} files.description content of model.json
   * @param {Record<string, ArrayBuffer>} files.networks
   */
  async load({ runtime, vad, description, networks }) {
    useRuntime(runtime);
    const bundle = await Bundle.load(
      readDescription(description),
      async (name) => new Uint8Array(networks[name]),
    );
    voiceActivity = await VoiceActivity.load(vad);
    model = new VoiceToFace(bundle, voiceActivity);
  },

  /** @param {Float32Array[]} channels */
  mix(channels) {
    const rate = model.description.front_end.sample_rate_hz;
    return bestStretches(toInt16(mix(channels)), rate, voiceActivity);
  },

  /** @param {Int16Array} samples */
  overview: (samples) => overview(samples, model.description.front_end),

  /** @param {string} slot @param {Int16Array} samples @param {boolean} force */
  async listen(slot, samples, force) {
    const speech = await model.listen(samples, force);
    speeches.set(slot, speech);
    voices.set(slot, speech.voices[0]);
    return speech;
  },

  /** Take another voice of the recording. @param {string} slot @param {number} number */
  choose(slot, number) {
    const found = speeches.get(slot)?.voices[number];
    if (!found) throw new Error(`no voice ${number} in ${slot}`);
    voices.set(slot, found);
  },

  /** @param {string} slot @param {number} index @param {Sampling} sampling */
  face: (slot, index, sampling) => model.face(voice(slot), index, sampling),

  /** @param {string} first @param {string} last @param {number} steps @param {Sampling} sampling */
  async morph(first, last, steps, sampling) {
    const faces = [];
    for await (const face of model.morph(voice(first), voice(last), steps, 0, sampling)) {
      faces.push(face);
    }
    return faces;
  },

  /** @param {Uint8ClampedArray} rgba @param {number} width */
  findMark: (rgba, width) => findMark(rgba, width),

  /** @param {number} sampleRateHz */
  beginTake(sampleRateHz) {
    take = new Take(sampleRateHz, model.description.front_end);
  },

  /** @param {Float32Array} samples */
  pushTake: (samples) => take.push(samples),

  endTake: () => take.finish(),
};

/** @param {string} slot */
function voice(slot) {
  const found = voices.get(slot);
  if (!found) throw new Error(`no voice in ${slot}`);
  return found;
}

self.onmessage = async ({ data: { id, name, given } }) => {
  try {
    const procedure = /** @type {any} */ (procedures)[name];
    self.postMessage({ id, value: await procedure(...given) });
  } catch (error) {
    const { message } = /** @type {Error} */ (error);
    const code = error instanceof RecordingError ? error.code : null;
    self.postMessage({ id, error: { message, code } });
  }
};

onRequests((requests) => self.postMessage({ requests }));
