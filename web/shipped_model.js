/** Where the model is that the command takes by itself. */

import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const path = (/** @type {string} */ name) => fileURLToPath(new URL(name, import.meta.url));

/** Folder of the bundle. */
export function shippedModel() {
  const description = path("../src/voice2face/runtime/description.py");
  const name = /^DEFAULT_MODEL = "(.+)"$/m.exec(readFileSync(description, "utf8"))?.[1];
  return path(`../src/voice2face/models/${name}`);
}
