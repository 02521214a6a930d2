/**
 * Builds the page: `npm run build`. The folder web/build then works on any static host; its model/
 * is a copy of a bundle (`npm run build -- FOLDER`; by default the shipped one). `voice2face web`
 * serves the same folder with the installed package's model.
 */

import { createHash } from "node:crypto";
import { cpSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";

import { build } from "esbuild";

import { shippedModel } from "./shipped_model.js";

const path = (/** @type {string} */ name) => fileURLToPath(new URL(name, import.meta.url));
const OUT = path("build");
const MODEL = process.argv[2] ?? shippedModel();
const COPIED = [
  "licences/onnxruntime-parts.txt",
  ...["index.html", "style.css", "icon.svg", "app.webmanifest"].map((name) => `src/${name}`),
  "node_modules/onnxruntime-web/dist/ort-wasm-simd-threaded.wasm",
  "node_modules/@echogarden/fvad-wasm/fvad.wasm",
];
const EXAMPLES = ["librispeech-3699.flac", "librispeech-4340.flac"];
/** Compressed once here, as servers of static files do not. */
const COMPRESSED = /\.(html|css|svg|webmanifest|txt|js|json|wasm|onnx)$/;
/** A better quality takes minutes for a seventh less. */
const BROTLI_QUALITY = 9;

/** Version of the program. */
function programVersion() {
  const source = readFileSync(path("../src/voice2face/__init__.py"), "utf8");
  return /^__version__ = "(.+)"$/m.exec(source)?.[1];
}

/** Licences of what is built in. */
function licences() {
  const parts = ["onnxruntime-web", "@echogarden/fvad-wasm", "gifenc", "fft.js"];
  const texts = parts.map((name) => {
    const folder = path(`node_modules/${name}`);
    const { version, license } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
    const file = readdirSync(folder).find((one) => /^licen[cs]e/i.test(one));
    // onnxruntime-web and fft.js have theirs in licences/ and in the README.
    const text = file
      ? readFileSync(join(folder, file), "utf8")
      : readFileSync(path(`licences/${name}.txt`), "utf8");
    return `${name} ${version} (${license})\n\n${text.trim()}\n`;
  });
  const own = readFileSync(path("../NOTICE"), "utf8");
  const further = "The parts of ONNX Runtime: see onnxruntime-parts.txt.\n";
  return [own, ...texts, further].join(`\n${"-".repeat(80)}\n\n`);
}

rmSync(OUT, { recursive: true, force: true });
mkdirSync(join(OUT, "examples"), { recursive: true });
for (const file of COPIED) cpSync(path(file), join(OUT, basename(file)));
for (const name of EXAMPLES) cpSync(path(`../examples/${name}`), join(OUT, "examples", name));
writeFileSync(join(OUT, "licences.txt"), licences());
const shared = { bundle: true, minify: true, outdir: OUT, target: "es2022", legalComments: "none" };
await build({
  ...shared,
  entryPoints: [path("src/app.js"), path("src/capture.js")],
  format: "esm",
  define: { PROGRAM_VERSION: JSON.stringify(programVersion()) },
});
await build({
  ...shared,
  entryPoints: [path("src/worker.js")],
  format: "iife",
  external: ["module"], // for Node only
  // ONNX Runtime and the detector ask for their own address to find files, which the page hands over.
  define: { "import.meta.url": '"http://unused.invalid/"' },
});

// The hash of everything but the model, whose files are asked for by their own hashes.
const hash = createHash("sha256");
for (const name of /** @type {string[]} */ (readdirSync(OUT, { recursive: true })).sort()) {
  if (name !== "examples") hash.update(name).update(readFileSync(join(OUT, name)));
}
await build({
  ...shared,
  entryPoints: [path("src/service_worker.js")],
  format: "iife",
  define: { VERSION: JSON.stringify(hash.digest("hex").slice(0, 16)) },
});

cpSync(MODEL, join(OUT, "model"), { recursive: true });
for (const name of /** @type {string[]} */ (readdirSync(OUT, { recursive: true }))) {
  if (!COMPRESSED.test(name)) continue;
  const content = readFileSync(join(OUT, name));
  const params = { [constants.BROTLI_PARAM_QUALITY]: BROTLI_QUALITY };
  writeFileSync(join(OUT, `${name}.br`), brotliCompressSync(content, { params }));
  writeFileSync(join(OUT, `${name}.gz`), gzipSync(content, { level: 9 }));
}
