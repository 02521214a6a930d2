/** The worker, as functions to call; and what it needs from the server. */

import { readDescription } from "../core/description.js";
import { modelNumber } from "../core/sheet_mark.js";

/** @typedef {import("../core/description.js").Description} Description */
/** @typedef {Uint8ClampedArray<ArrayBuffer>} Face RGBA */

/** A recording that no faces are generated for. */
export class RefusedError extends Error {
  /** @param {string} message @param {string} code see `RecordingError` */
  constructor(message, code) {
    super(message);
    this.code = code;
  }
}

export class Engine {
  /**
   * @param {Worker} worker
   * @param {Description} description
   * @param {(times: number[]) => void} tellRequests
   */
  constructor(worker, description, tellRequests) {
    this.description = description;
    this._worker = worker;
    /** @type {Map<number, { resolve: Function, reject: Function }>} */
    this._waiting = new Map();
    this._calls = 0;
    worker.onmessage = ({ data }) => {
      if (data.requests) return tellRequests(data.requests);
      const { resolve, reject } = /** @type {any} */ (this._waiting.get(data.id));
      this._waiting.delete(data.id);
      if (!data.error) return resolve(data.value);
      const { message, code } = data.error;
      reject(code ? new RefusedError(message, code) : new Error(message));
    };
  }

  /**
   * Load the model.
   *
   * @param {(done: number, all: number) => void} progress files loaded
   * @param {(times: number[]) => void} tellRequests see `onRequests`
   */
  static async load(progress, tellRequests) {
    const json = await (await request("model/model.json")).json();
    const description = readDescription(json);
    const names = Object.keys(description.files).filter((name) => name.endsWith(".onnx"));
    const addresses = [
      "worker.js",
      "ort-wasm-simd-threaded.wasm",
      "fvad.wasm",
      // By its content, so that the cache of another model is not taken for this one's.
      ...names.map((name) => `model/${name}?sha256=${description.files[name]}`),
    ];
    let done = 0;
    progress(done, addresses.length);
    const [script, runtime, vad, ...networks] = await Promise.all(
      addresses.map(async (address) => {
        const content = await (await request(address)).arrayBuffer();
        progress(++done, addresses.length);
        return content;
      }),
    );
    // A worker made of a blob is bound by the page's content-security policy on any server.
    const address = URL.createObjectURL(new Blob([script], { type: "text/javascript" }));
    const engine = new Engine(new Worker(address), description, tellRequests);
    URL.revokeObjectURL(address);
    await engine._call("load", [
      {
        runtime,
        vad,
        description: json,
        networks: Object.fromEntries(names.map((name, i) => [name, networks[i]])),
      },
    ]);
    return engine;
  }

  /** @param {Float32Array[]} channels @returns {Promise<import("../core/stretches.js").Used>} */
  mix(channels) {
    return this._call("mix", [channels]);
  }

  /** @param {Int16Array} samples @returns {Promise<import("../core/overview.js").Overview>} */
  overview(samples) {
    return this._call("overview", [samples]);
  }

  /**
   * @param {string} slot
   * @param {Int16Array} samples
   * @param {boolean} force
   * @returns {Promise<import("../core/pipeline.js").Speech>}
   */
  listen(slot, samples, force) {
    return this._call("listen", [slot, samples, force]);
  }

  /** Take another voice of a recording. @param {string} slot @param {number} number @returns {Promise<void>} */
  choose(slot, number) {
    return this._call("choose", [slot, number]);
  }

  /**
   * @param {string} slot
   * @param {number} index
   * @param {import("../core/pipeline.js").Sampling} sampling
   * @returns {Promise<Face>}
   */
  face(slot, index, sampling) {
    return this._call("face", [slot, index, sampling]);
  }

  /**
   * @param {string} first
   * @param {string} last
   * @param {number} steps
   * @param {import("../core/pipeline.js").Sampling} sampling
   * @returns {Promise<Face[]>}
   */
  morph(first, last, steps, sampling) {
    return this._call("morph", [first, last, steps, sampling]);
  }

  /** What made faces of a seed. @param {number | bigint} seed */
  origin(seed) {
    const { name: model, marked } = this.description;
    return { version: PROGRAM_VERSION, model, number: modelNumber(this.description), seed, marked };
  }

  /**
   * Look for the mark in a picture.
   *
   * @param {Uint8ClampedArray} rgba
   * @param {number} width
   * @returns {Promise<import("../core/mark_finder.js").Found>}
   */
  findMark(rgba, width) {
    return this._call("findMark", [rgba, width]);
  }

  /** @param {number} sampleRateHz @returns {Promise<void>} */
  beginTake(sampleRateHz) {
    return this._call("beginTake", [sampleRateHz]);
  }

  /** @param {Float32Array} samples @returns {Promise<import("../core/overview.js").Overview>} */
  pushTake(samples) {
    return this._call("pushTake", [samples]);
  }

  /** @returns {Promise<Int16Array>} */
  endTake() {
    return this._call("endTake", []);
  }

  /** @param {string} name @param {unknown[]} given @returns {Promise<any>} */
  _call(name, given) {
    const id = this._calls++;
    this._worker.postMessage({ id, name, given });
    return new Promise((resolve, reject) => this._waiting.set(id, { resolve, reject }));
  }
}

/** @param {string} address */
async function request(address) {
  const response = await fetch(address);
  if (!response.ok) throw new Error(`${address} cannot be loaded (${response.status})`);
  return response;
}
