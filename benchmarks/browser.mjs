/**
 * Do browser and Python agree, how much does a first visit load, and how long does each stage take?
 *
 *     node benchmarks/browser.mjs RECORDING... > benchmarks/results/browser.json
 *
 * Needs web/build (see docs/web.md) and `voice2face` in $PYTHON (default: python3).
 */

import { execFileSync } from "node:child_process";
import { cpus, loadavg } from "node:os";
import { join, relative } from "node:path";

import { launch, open, serve } from "../web/tests/browser.js";
import { ROOT, frontEndName, golden } from "../web/tests/golden.js";
import { computeInChromium } from "../web/tests/in_chromium.js";
import {
  compute,
  loadModel,
  loadVoiceActivity,
  voicedBands,
} from "../web/tests/in_node.js";
import { compare, greatestDifference } from "../web/tests/parity.js";

const MODEL = "projected-64";
const files = process.argv.slice(2);
const python = golden(files);
const { index } = python;
const pcm = index.recordings.map(({ name }) => python.pcm(name));

const server = await serve();
const chromium = await launch();
const { page } = await open(await chromium.browser.newContext(), server.url);
const firstVisitBytes = server.passed.bytes;
const inChromium = await computeInChromium(page, pcm, index);
const version = chromium.browser.version();
await chromium.stop();
server.stop();

const model = await loadModel(index.models[MODEL]);
const voiceActivity = await loadVoiceActivity();
const rows = [];
for (const [i, recording] of index.recordings.entries()) {
  const expected = python.of(
    recording,
    MODEL,
    frontEndName(model.description.front_end),
  );
  const inNode = await compute(model, pcm[i], pcm[(i + 1) % pcm.length], index);
  const frontEnds = Object.entries(index.front_ends).map(([name, settings]) => [
    name,
    greatestDifference(
      voicedBands(voiceActivity, pcm[i], settings),
      python.bands(recording.name, name),
    ),
  ]);
  rows.push({
    recording: relative(join(ROOT, ".."), files[i]),
    seconds: pcm[i].length / 16000,
    front_ends_in_node: Object.fromEntries(frontEnds),
    node: compare(inNode, expected),
    chromium: compare(inChromium[i], expected),
  });
}
python.remove();

/** @param {number[]} values */
function spread(values) {
  const sorted = values.toSorted((a, b) => a - b);
  const round = (/** @type {number} */ value) => Number(value.toFixed(1));
  return {
    median: round(sorted[sorted.length >> 1]),
    min: round(sorted[0]),
    max: round(sorted[sorted.length - 1]),
    n: sorted.length,
  };
}

const greatest = (/** @type {"node" | "chromium"} */ where) =>
  Object.fromEntries(
    Object.keys(rows[0][where]).map((what) => [
      what,
      Math.max(...rows.map((row) => row[where][what])),
    ]),
  );
console.log(
  JSON.stringify({
    benchmark: "browser",
    commit: execFileSync("git", ["-C", ROOT, "rev-parse", "--short", "HEAD"], {
      encoding: "utf8",
    }).trim(),
    machine: {
      cpu: cpus()[0].model.trim(),
      cores: cpus().length,
      load_1_min: Number(loadavg()[0].toFixed(2)),
    },
    versions: { node: process.versions.node, chromium: version },
    model: MODEL,
    first_visit_bytes: firstVisitBytes,
    listen_ms: spread(inChromium.map(({ times }) => times.listen_ms)),
    faces_ms: spread(inChromium.map(({ times }) => times.faces_ms)),
    n_faces: index.samples,
    greatest_difference: {
      node: greatest("node"),
      chromium: greatest("chromium"),
    },
    recordings: rows,
  }),
);
