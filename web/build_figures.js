/**
 * Builds the live figures of the documentation into web/figures: `npm run build-figures`. Each is
 * one plain script with all that it needs, since a page opened from a file may fetch nothing.
 */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { build } from "esbuild";

import { shippedModel } from "./shipped_model.js";

const path = (/** @type {string} */ name) => fileURLToPath(new URL(name, import.meta.url));
const { front_end } = JSON.parse(readFileSync(join(shippedModel(), "model.json"), "utf8"));
const capture = await build({
  entryPoints: [path("src/capture.js")],
  minify: true,
  write: false,
});

await build({
  entryPoints: {
    game: path("src/figures/game_figure.js"),
    curves: path("src/figures/curves_figure.js"),
    sound: path("src/figures/sound_figure.js"),
  },
  outdir: path("figures"),
  bundle: true,
  minify: true,
  format: "iife",
  target: "es2022",
  external: ["module"], // for Node only
  loader: { ".css": "text", ".flac": "binary", ".wasm": "binary" },
  define: {
    FRONT_END: JSON.stringify(front_end),
    CAPTURE: JSON.stringify(capture.outputFiles[0].text),
    "import.meta.url": '"http://unused.invalid/"',
  },
});
