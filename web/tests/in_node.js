/** The pipeline in Node, with the files of the repository and of node_modules. */

import { readFile } from "node:fs/promises";
import { join } from "node:path";

import { Bundle, useRuntime } from "../src/core/bundle.js";
import { readDescription } from "../src/core/description.js";
import { VoiceToFace } from "../src/core/pipeline.js";
import { logMel, normaliseBands } from "../src/core/log_mel.js";
import { VoiceActivity, voicedWaveform } from "../src/core/voice_activity.js";

const MODULES = new URL("../node_modules/", import.meta.url);

export async function loadVoiceActivity() {
  return VoiceActivity.load(await readFile(new URL("@echogarden/fvad-wasm/fvad.wasm", MODULES)));
}

/** @param {string} folder of a bundle */
export async function loadModel(folder) {
  const wasm = await readFile(new URL("onnxruntime-web/dist/ort-wasm-simd-threaded.wasm", MODULES));
  useRuntime(Uint8Array.from(wasm).buffer);
  const json = await readFile(join(folder, "model.json"), "utf8");
  const description = readDescription(JSON.parse(json));
  const bundle = await Bundle.load(description, (name) => readFile(join(folder, name)));
  return new VoiceToFace(bundle, await loadVoiceActivity());
}

/**
 * Compute what golden.py does of a recording.
 *
 * @param {VoiceToFace} model
 * @param {Int16Array} pcm
 * @param {Int16Array} followingPcm
 * @param {any} index of golden.py
 * @returns {Promise<import("./parity.js").Computed>}
 */
export async function compute(model, pcm, followingPcm, index) {
  const speech = await model.listen(pcm, true);
  const [voice] = speech.voices;
  const [following] = (await model.listen(followingPcm, true)).voices;
  const sampling = { seed: index.seed, truncation: index.truncation };
  const faces = [];
  for (let i = 0; i < index.samples; i++) faces.push(await model.face(voice, i, sampling));
  const morph = [];
  for await (const face of model.morph(voice, following, index.morph_steps, 0, sampling)) {
    morph.push(face);
  }
  return { ...speech, ...voice, faces, morph };
}

/**
 * Compute what the front end gives for a recording.
 *
 * @param {VoiceActivity} voiceActivity
 * @param {Int16Array} pcm
 * @param {import("../src/core/description.js").FrontEnd} settings
 */
export function voicedBands(voiceActivity, pcm, settings) {
  const voiced = voiceActivity.voicedFrames(pcm, settings);
  return normaliseBands(logMel(voicedWaveform(pcm, voiced, settings), settings), settings);
}
