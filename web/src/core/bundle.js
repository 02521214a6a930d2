/** The networks of a bundle, run by ONNX Runtime's WebAssembly. */

import * as ort from "onnxruntime-web/wasm";

import { cyclicFrames } from "./log_mel.js";
import { roundHalfEven, unit } from "./numbers.js";

/** @typedef {import("./description.js").Description} Description */

/** A speech detector hears a second at least; less is repeated, as in its training. */
const LEAST_SPEECH_FRAMES = 100;

/**
 * Let ONNX Runtime use its WebAssembly. One thread: networks this small gain nothing from a second,
 * and a page needs no isolation from other origins for one.
 *
 * @param {ArrayBuffer} wasm ort-wasm-simd-threaded.wasm
 */
export function useRuntime(wasm) {
  ort.env.wasm.wasmBinary = wasm;
  ort.env.wasm.numThreads = 1;
  ort.env.logLevel = "fatal";
}

/** Networks of a bundle, ready to run. */
export class Bundle {
  /**
   * @param {Description} description
   * @param {ort.InferenceSession} voiceEncoder
   * @param {ort.InferenceSession} generator
   * @param {ort.InferenceSession | null} speechDetector
   * @param {ort.InferenceSession | null} artifactCritic
   */
  constructor(description, voiceEncoder, generator, speechDetector, artifactCritic) {
    this.description = description;
    this._voiceEncoder = voiceEncoder;
    this._generator = generator;
    this._speechDetector = speechDetector;
    this._artifactCritic = artifactCritic;
  }

  /**
   * Load a bundle's networks.
   *
   * @param {Description} description
   * @param {(name: string) => Promise<Uint8Array>} read gives a file of the bundle
   */
  static async load(description, read) {
    const session = async (/** @type {string} */ name) => {
      const content = await read(name);
      await checkHash(name, content, description.files[name]);
      return ort.InferenceSession.create(content, { executionProviders: ["wasm"] });
    };
    return new Bundle(
      description,
      await session("voice_encoder.onnx"),
      await session("generator.onnx"),
      description.speech ? await session("speech_detector.onnx") : null,
      description.redraw ? await session("artifact_critic.onnx") : null,
    );
  }

  /**
   * Embed a stretch of speech.
   *
   * @param {Float32Array} bands (frames, n_mels), normalised
   * @returns {Promise<Float32Array>} of unit length
   */
  async embed(bands) {
    return unit(await run(this._voiceEncoder, { log_mel: this._input(bands) }));
  }

  /**
   * What each moment of speech weighs in its embedding, equally spaced, of sum 1; null where all
   * weigh alike.
   *
   * @param {Float32Array} bands (frames, n_mels), normalised
   */
  async attention(bands) {
    if (!this.description.attention) return null;
    return run(this._voiceEncoder, { log_mel: this._input(bands) }, 1);
  }

  /**
   * How much a recording sounds like a person speaking; null where no detector tells.
   *
   * @param {Float32Array} bands (frames, n_mels), normalised, of the whole recording
   */
  async speechLogit(bands) {
    if (!this._speechDetector) return null;
    const nMels = this.description.front_end.n_mels;
    const nFrames = Math.max(bands.length / nMels, LEAST_SPEECH_FRAMES);
    const whole = cyclicFrames(bands, nMels, 0, nFrames);
    return (await run(this._speechDetector, { log_mel: this._input(whole) }))[0];
  }

  /**
   * Generate a face.
   *
   * @param {Float32Array} embedding of unit length
   * @param {Float32Array} noise (noise_dim)
   * @returns {Promise<Float32Array>} (3, size, size), nominally in [-1, 1]
   */
  async draw(embedding, noise) {
    /** @type {Record<string, ort.Tensor>} */
    const feeds = {
      speaker_embedding: new ort.Tensor("float32", embedding, [1, embedding.length]),
    };
    if (noise.length) feeds.noise = new ort.Tensor("float32", noise, [1, noise.length]);
    return run(this._generator, feeds);
  }

  /**
   * How broken a face looks; null where no critic tells.
   *
   * @param {Float32Array} face (3, size, size) as `draw` gives it
   */
  async artifactLogit(face) {
    if (!this._artifactCritic) return null;
    const size = this.description.image_size_px;
    const faces = new ort.Tensor("float32", face, [1, 3, size, size]);
    return (await run(this._artifactCritic, { faces }))[0];
  }

  /** @param {Float32Array} bands (frames, n_mels); the networks take (1, n_mels, frames) */
  _input(bands) {
    const nMels = this.description.front_end.n_mels;
    const nFrames = bands.length / nMels;
    const turned = new Float32Array(bands.length);
    for (let k = 0; k < nFrames; k++) {
      for (let mel = 0; mel < nMels; mel++) turned[mel * nFrames + k] = bands[k * nMels + mel];
    }
    return new ort.Tensor("float32", turned, [1, nMels, nFrames]);
  }
}

/**
 * @param {ort.InferenceSession} session
 * @param {Record<string, ort.Tensor>} feeds
 * @param {number} [number] of the output
 * @returns {Promise<Float32Array>}
 */
async function run(session, feeds, number = 0) {
  const name = session.outputNames[number];
  const { [name]: output } = await session.run(feeds, [name]);
  return /** @type {Float32Array} */ (output.data);
}

/**
 * @param {string} name
 * @param {Uint8Array} content
 * @param {string} wanted SHA-256 in hexadecimal
 */
async function checkHash(name, content, wanted) {
  const bytes = /** @type {Uint8Array<ArrayBuffer>} */ (content);
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  const found = Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
  if (found !== wanted) throw new Error(`${name} is damaged: its SHA-256 is not in model.json`);
}

/**
 * Clamp a generated image to [-1, 1] and bring it to 8 bits.
 *
 * @param {Float32Array} face (3, size, size)
 * @param {"fixed" | "stretched"} pixelRange see src/voice2face/images/pixels.py
 * @returns {Uint8ClampedArray} (size, size, 4) RGBA
 */
export function toPixels(face, pixelRange) {
  const clamped = face.map((value) => Math.min(Math.max(value, -1), 1));
  let low = -1;
  let width = 2;
  if (pixelRange === "stretched") {
    low = clamped.reduce((a, b) => Math.min(a, b));
    width = Math.max(clamped.reduce((a, b) => Math.max(a, b)) - low, 2 ** -126);
  }
  const nPixels = face.length / 3;
  const pixels = new Uint8ClampedArray(nPixels * 4).fill(255);
  for (let i = 0; i < nPixels; i++) {
    for (let colour = 0; colour < 3; colour++) {
      const share = Math.fround(Math.fround(clamped[colour * nPixels + i] - low) / width);
      pixels[4 * i + colour] = roundHalfEven(Math.fround(share * 255));
    }
  }
  return pixels;
}
