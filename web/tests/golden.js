/** Runs golden.py and reads what it wrote. */

import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export const ROOT = fileURLToPath(new URL("../..", import.meta.url));
export const PYTHON = process.env.PYTHON ?? "python3";
export const EXAMPLES = ["librispeech-3699", "librispeech-4340"].map((name) =>
  join(ROOT, "examples", `${name}.flac`),
);

/** @param {string} path */
export const readFloat32 = (path) => new Float32Array(Uint8Array.from(readFileSync(path)).buffer);
/** @param {string} path */
export const readInt16 = (path) => new Int16Array(Uint8Array.from(readFileSync(path)).buffer);

/**
 * Compute with Python; the arrays are read on demand.
 *
 * @param {string[]} recordings files
 */
export function golden(recordings) {
  const folder = mkdtempSync(join(tmpdir(), "golden-"));
  execFileSync(PYTHON, [join(ROOT, "web/tests/golden.py"), folder, ...recordings], {
    env: { ...process.env, PYTHONPATH: join(ROOT, "src") },
    stdio: ["ignore", "ignore", "inherit"],
  });
  const index = JSON.parse(readFileSync(join(folder, "index.json"), "utf8"));
  const file = (/** @type {string[]} */ ...parts) => join(folder, parts.join("."));
  return {
    index,
    pcm: (/** @type {string} */ name) => readInt16(file(name, "pcm")),
    bands: (/** @type {string} */ name, /** @type {string} */ frontEnd) =>
      readFloat32(file(name, frontEnd, "f32")),
    /** @param {any} recording of the index @param {string} model @param {string} frontEnd */
    of: (recording, model, frontEnd) => ({
      bands: readFloat32(file(recording.name, frontEnd, "f32")),
      embedding: readFloat32(file(recording.name, model, "embedding", "f32")),
      faces: readFileSync(file(recording.name, model, "faces", "u8")),
      morph: readFileSync(file(recording.name, model, "morph", "u8")),
      womanProbability: recording.models[model].woman_probability,
      speechProbability: recording.models[model].speech_probability,
    }),
    /** What Python tells of the two voices of a conversation. @param {string} model */
    voicesOf: (model) => {
      const told = (/** @type {string} */ what) =>
        readFloat32(file("conversation", model, what, "f32"));
      return {
        ...index.conversation.models[model],
        windows: told("windows"),
        times: told("times"),
        embeddings: told("embeddings"),
        attention: told("attention"),
        labels: readFileSync(file("conversation", model, "labels", "u8")),
        whose: readFileSync(file("conversation", model, "whose", "u8")),
      };
    },
    remove: () => rmSync(folder, { recursive: true }),
  };
}

/** Name of the front end's preset that a model was trained with. @param {any} settings */
export const frontEndName = (settings) => (settings.band_range_db === null ? "wen2019" : "modern");
