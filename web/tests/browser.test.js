/** The page as a visitor uses it, in Chromium. */

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, beforeEach, afterEach, test } from "node:test";

import { wav } from "../src/core/files.js";
import {
  choose,
  facesThere,
  launch,
  open,
  panel,
  pixelsOf,
  serve,
  serveFolder,
} from "./browser.js";
import { EXAMPLES, PYTHON, ROOT, frontEndName, golden } from "./golden.js";
import { computeInChromium } from "./in_chromium.js";
import { TOLERANCES, compare, greatestDifference } from "./parity.js";

const AXE = readFileSync(join(ROOT, "web/node_modules/axe-core/axe.min.js"), "utf8");
const FIRST_VISIT_BYTES = 10_000_000;
const folder = mkdtempSync(join(tmpdir(), "page-"));

/** @type {Awaited<ReturnType<typeof golden>>} */
let python;
/** @type {Awaited<ReturnType<typeof serve>>} */
let server;
/** @type {Awaited<ReturnType<typeof launch>>} */
let chromium;
/** @type {import("playwright-core").BrowserContext} */
let context;
/** @type {import("playwright-core").Page} */
let page;
/** @type {string[]} */
let problems;

before(async () => {
  python = golden(EXAMPLES);
  server = await serve();
  chromium = await launch(python.pcm("01"));
});

after(async () => {
  await chromium.stop();
  server.stop();
  python.remove();
  rmSync(folder, { recursive: true });
});

beforeEach(async () => {
  server.passed.requests.length = 0;
  server.passed.bytes = 0;
  context = await chromium.browser.newContext({ permissions: ["microphone"] });
  ({ page, problems } = await open(context, server.url));
});

afterEach(async () => {
  await context.close();
  assert.deepEqual(problems, []);
});

/** @param {...string} given arguments of the command voice2face */
const voice2face = (...given) =>
  execFileSync(PYTHON, ["-m", "voice2face", ...given], {
    env: { ...process.env, PYTHONPATH: join(ROOT, "src") },
    encoding: "utf8",
  });

/** What Python computed of a recording with the model that is served. @param {any} recording */
function expected(recording) {
  const { default_model: name, models } = python.index;
  const { front_end } = JSON.parse(readFileSync(join(models[name], "model.json"), "utf8"));
  return python.of(recording, name, frontEndName(front_end));
}

/** Run a program of Python, which prints JSON. @param {string} program @param {...string} given */
const inPython = (program, ...given) =>
  JSON.parse(execFileSync(PYTHON, ["-c", program, ...given], { encoding: "utf8" }));

/** Take what a button downloads. @param {string} button @param {string} name */
async function download(button, name) {
  const [saved] = await Promise.all([
    page.waitForEvent("download"),
    page.getByRole("button", { name: button }).click(),
  ]);
  const path = join(folder, name);
  await saved.saveAs(path);
  return path;
}

/** Sounds that nobody speaks. @param {(seconds: number) => number} level of 1 at full scale */
function sound(level) {
  const samples = Int16Array.from({ length: 64000 }, (_, i) => 32767 * level(i / 16000));
  return { name: "sound.wav", mimeType: "audio/wav", buffer: Buffer.from(wav(samples, 16000)) };
}

const siren = sound(
  (t) => 0.4 * Math.sin(2 * Math.PI * (600 * t + 40 * Math.sin(2 * Math.PI * t))),
);

test("a first visit takes at most 10 MB, and nothing is requested once a voice is given", async () => {
  assert.ok(server.passed.bytes <= FIRST_VISIT_BYTES, `${server.passed.bytes} bytes`);
  console.log(`first visit: ${server.passed.bytes} bytes`);
  server.passed.requests.length = 0;
  const voice = panel(page, "Your voice");
  await choose(voice, EXAMPLES[1]);
  await facesThere(page);
  await page.getByLabel("Seed", { exact: true }).fill("5");
  await page.getByRole("button", { name: "Compare with a second voice" }).click();
  await choose(panel(page, "Second voice"), EXAMPLES[0]);
  await page.getByText("From one voice to the other").waitFor();
  await download("Download as GIF", "requests.gif");
  assert.deepEqual(server.passed.requests, []);
  assert.equal(await page.locator("#requests").textContent(), "0");
});

test("the page counts a request that is made", async () => {
  await choose(panel(page, "Your voice"), EXAMPLES[1]);
  await facesThere(page);
  await page.evaluate(() => fetch("app.js?again"));
  await page.getByText("Requests since you gave a recording: 1").waitFor();
});

test("on a static host too, neither page nor worker can connect to another site", async (t) => {
  const host = await serveFolder(join(ROOT, "web/build"));
  t.after(host.stop);
  ({ page, problems } = await open(context, host.url));
  await panel(page, "Your voice").getByRole("button", { name: "Example A" }).click();
  await facesThere(page);
  const blocked = await page.evaluate(
    async (elsewhere) => {
      const attempt = `fetch(${JSON.stringify(elsewhere)}).then(() => "sent", () => "blocked")`;
      const script = `${attempt}.then((told) => postMessage(told))`;
      const worker = new Worker(URL.createObjectURL(new Blob([script])));
      const inWorker = new Promise((resolve) => (worker.onmessage = ({ data }) => resolve(data)));
      const violated = new Promise((resolve) =>
        document.addEventListener("securitypolicyviolation", (event) =>
          resolve(event.effectiveDirective),
        ),
      );
      const here = fetch(elsewhere).then(
        () => "sent",
        () => "blocked",
      );
      return [await here, await violated, await inWorker];
    },
    server.url.replace("127.0.0.1", "localhost"),
  );
  assert.deepEqual(blocked, ["blocked", "connect-src", "blocked"]);
  assert.ok(problems.every((problem) => /Content Security Policy|Fetch API/.test(problem)));
  problems.length = 0;
});

test("a take of the microphone gives the faces that the command draws of its download", async () => {
  const voice = panel(page, "Your voice");
  await voice.getByRole("button", { name: "Record" }).click();
  await page.getByText("Recording. Speak").waitFor();
  // The spectrogram grows while one speaks.
  const early = await voice.locator(".spectrogram").evaluate((canvas) => canvas.toDataURL());
  await page.waitForTimeout(4000);
  const late = await voice.locator(".spectrogram").evaluate((canvas) => canvas.toDataURL());
  assert.notEqual(early, late);
  await voice.getByRole("button", { name: "Stop" }).click();
  await facesThere(page);
  assert.match(await voice.locator(".heard").textContent(), /sounds like a woman/);
  const take = await download("Download the recording", "voice.wav");
  const told = JSON.parse(voice2face("generate", take, "--json", "-o", join(folder, "take.png")));
  assert.ok(told.duration_s > 3, `a take of ${told.duration_s} s`);
  const faces = await pixelsOf(voice);
  // The page marks each face that it shows.
  const rows = inPython(
    `import json, sys; import numpy as np
from voice2face import VoiceToFace
from voice2face.runtime.face_mark import mark_faces
faces = VoiceToFace.load().generate(sys.argv[1]).faces
marked = [np.pad(mark_faces(face, len(face)), ((0, 0), (0, 0), (0, 1)), constant_values=255)
          for face in faces]
print(json.dumps([face.ravel().tolist() for face in marked]))`,
    take,
  );
  assert.equal(faces.length, rows.length);
  for (const [i, face] of faces.entries()) assert.ok(greatestDifference(face, rows[i]) <= 1);
});

test("files of several formats are heard alike", async () => {
  const formats = join(folder, "formats");
  execFileSync(PYTHON, [join(ROOT, "web/tests/formats.py"), EXAMPLES[1], formats]);
  const voice = panel(page, "Your voice");
  for (const name of ["mp3", "m4a", "ogg", "webm", "wav", "flac"]) {
    await page.locator("#status").evaluate((status) => (status.textContent = ""));
    await choose(voice, join(formats, `speech.${name}`));
    await facesThere(page);
    const heard = await voice.locator(".heard").textContent();
    const speech = await voice.locator(".speech").textContent();
    assert.match(heard, /sounds like a woman: 9\d %/, name);
    assert.match(speech, /^(5\.[4-9]|6\.[0-2]) s of speech in 8\.[45] s/, name);
  }
});

test("a dropped file is heard", async () => {
  const voice = panel(page, "Your voice");
  const text = readFileSync(EXAMPLES[0]).toString("base64");
  const transfer = await page.evaluateHandle((base64) => {
    const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
    const given = new DataTransfer();
    given.items.add(new File([bytes], "dropped.flac"));
    return given;
  }, text);
  await voice.dispatchEvent("drop", { dataTransfer: transfer });
  await facesThere(page);
});

test("what is no speech is refused, and a siren only generates faces on demand", async () => {
  const voice = panel(page, "Your voice");
  const alert = voice.getByRole("alert");
  await choose(
    voice,
    sound(() => 0),
  );
  await alert.getByText("No speech: 0.00 s of speech found in 4.00 s").waitFor();
  assert.equal(await alert.getByRole("button").isVisible(), false);
  await choose(voice, siren);
  await alert.getByText("does not sound like a person speaking").waitFor();
  assert.equal(await voice.locator(".result").isVisible(), false);
  await alert.getByRole("button", { name: "Generate faces anyway" }).click();
  await facesThere(page);
  assert.equal(await alert.isVisible(), false);
});

test("a file that is no recording is told", async () => {
  const voice = panel(page, "Your voice");
  const alert = voice.getByRole("alert");
  await choose(voice, { name: "a.txt", mimeType: "text/plain", buffer: Buffer.from("hello") });
  await alert.getByText("cannot decode the file").waitFor();
  await choose(voice, { name: "empty.wav", mimeType: "audio/wav", buffer: Buffer.alloc(0) });
  await alert.getByText("The file is empty").waitFor();
});

test("after a visit the page works without a connection", async () => {
  await context.setOffline(true);
  await page.reload();
  await page.getByText("Ready. Record your voice").waitFor();
  await panel(page, "Your voice").getByRole("button", { name: "Example A" }).click();
  await facesThere(page);
});

test("a first visit on a slow connection is kept as well", async (t) => {
  // The service worker takes the examples before it begins to keep what the page loads.
  server.passed.examplesDelayMs = 5000;
  t.after(() => (server.passed.examplesDelayMs = 0));
  const slow = await chromium.browser.newContext();
  t.after(() => slow.close());
  ({ page, problems } = await open(slow, server.url));
  await slow.setOffline(true);
  await page.reload();
  await page.getByText("Ready. Record your voice").waitFor();
});

test("settings change the faces, and come back with the address", async () => {
  const voice = panel(page, "Your voice");
  await voice.getByRole("button", { name: "Example A" }).click();
  await facesThere(page);
  const first = await pixelsOf(voice);
  await page.getByLabel("Seed", { exact: true }).fill("3");
  await page.getByLabel("Faces", { exact: true }).fill("2");
  await page.getByLabel("Variety").fill("0.7");
  await facesThere(page, 2);
  const changed = await pixelsOf(voice);
  assert.equal(changed.length, 2);
  assert.notDeepEqual(changed[0], first[0]);
  assert.equal(new URL(page.url()).hash, "#seed=3&faces=2&variety=0.7");
  await page.reload();
  await page.getByText("Ready. Record your voice").waitFor();
  await voice.getByRole("button", { name: "Example A" }).click();
  await facesThere(page, 2);
  assert.deepEqual(await pixelsOf(voice), changed);
});

test("two voices are compared, and the way between them is a slider and a GIF", async () => {
  await panel(page, "Your voice").getByRole("button", { name: "Example A" }).click();
  await facesThere(page);
  await page.getByRole("button", { name: "Compare with a second voice" }).click();
  await panel(page, "Second voice").getByRole("button", { name: "Example B" }).click();
  await page.getByText("Cosine similarity").waitFor();
  const [first, second] = [0, 1].map((i) => expected(python.index.recordings[1 - i]));
  const cosine = first.embedding.reduce((sum, value, i) => sum + value * second.embedding[i], 0);
  await page.getByText(`embeddings: ${cosine.toFixed(2)} `).waitFor();
  const shown = () => page.locator("#morph").evaluate((canvas) => canvas.toDataURL());
  const way = page.getByRole("slider", { name: "Place on the way" });
  const start = await shown();
  await way.press("End");
  assert.equal(await way.getAttribute("aria-valuetext"), "100 % of the way to the second voice");
  assert.notEqual(await shown(), start);
  const gif = await download("Download as GIF", "morph.gif");
  const about = inPython(
    `import json, sys; from PIL import Image
image = Image.open(sys.argv[1])
print(json.dumps([image.n_frames, image.info["comment"].decode(), image.info["loop"],
                  image.info["duration"]]))`,
    gif,
  );
  assert.deepEqual(about, [
    32,
    "Imagined faces, not a likeness of the speaker. voice2face",
    0,
    120,
  ]);
});

test("the downloaded picture says what it is", async () => {
  await panel(page, "Your voice").getByRole("button", { name: "Example A" }).click();
  await facesThere(page);
  const png = await download("Download the faces", "faces.png");
  const about = inPython(
    `import json, sys; from pathlib import Path; from PIL import Image
from voice2face.runtime.verify import verify
image = Image.open(sys.argv[1])
found = verify(Path(sys.argv[1]))
print(json.dumps([image.text["Description"], image.size, found.verdict, found.model,
                  found.metadata["Seed"]]))`,
    png,
  );
  assert.equal(about[0], "Imagined faces, not a likeness of the speaker.");
  assert.equal(about[2], "made by this program");
  assert.ok(about[3]);
  assert.equal(about[4], "0");
  // Four of 256 pixels, with margins of 12 and three lines of 22.
  assert.deepEqual(about[1], [4 * (256 + 12) + 12, 256 + 12 + 24 + 66]);
});

test("everything is reached and used by the keyboard", async () => {
  const reached = [];
  for (let i = 0; i < 12; i++) {
    await page.keyboard.press("Tab");
    reached.push(
      await page.evaluate(() => {
        const { id, textContent } = /** @type {Element} */ (document.activeElement);
        return id || textContent.trim();
      }),
    );
  }
  assert.deepEqual(reached.slice(0, 10), [
    "Skip to the recording",
    "Record",
    "first-file",
    "Example A",
    "Example B",
    "add-voice",
    "count",
    "seed",
    "new-seed",
    "truncation",
  ]);
  await panel(page, "Your voice").getByRole("button", { name: "Example B" }).focus();
  await page.keyboard.press("Enter");
  await facesThere(page);
});

test("no accessibility violation, in both themes and widths, and nothing runs off the side", async () => {
  await panel(page, "Your voice").getByRole("button", { name: "Example A" }).click();
  await facesThere(page);
  await page.getByRole("button", { name: "Compare with a second voice" }).click();
  await panel(page, "Second voice").getByRole("button", { name: "Example B" }).click();
  await page.getByText("Cosine similarity").waitFor();
  await check();
  await choose(panel(page, "Second voice"), siren);
  await panel(page, "Second voice").getByRole("alert").waitFor();
  await check([390]);
});

/** Let axe look at the page as it is now, in both themes. @param {number[]} widths in pixels */
async function check(widths = [390, 1280]) {
  // Put into the page's own context by the debugger: the page's policy lets no such script in.
  await page.evaluate(AXE);
  for (const colorScheme of /** @type {const} */ (["light", "dark"])) {
    for (const width of widths) {
      await page.emulateMedia({ colorScheme });
      await page.setViewportSize({ width, height: 844 });
      const { violations } = await page.evaluate(() => /** @type {any} */ (window).axe.run());
      const told = violations.map((one) => [one.id, ...one.nodes.map(({ html }) => html)]);
      assert.deepEqual(told, [], `${colorScheme}, ${width} px`);
      const wide = await page.evaluate(() => document.documentElement.scrollWidth);
      assert.ok(wide <= width, `${wide} px wide on ${width}`);
    }
  }
}

test("Chromium gives the embeddings and faces of Python", async () => {
  const { recordings } = python.index;
  const pcm = recordings.map(({ name }) => python.pcm(name));
  const computed = await computeInChromium(page, pcm, python.index);
  for (const [i, recording] of recordings.entries()) {
    const differences = compare(computed[i], expected(recording));
    for (const [what, tolerance] of Object.entries(TOLERANCES)) {
      assert.ok(differences[what] <= tolerance, `${recording.file}: ${what} ${differences[what]}`);
    }
  }
});

test("a network that was changed is refused", async () => {
  const other = await chromium.browser.newContext({ serviceWorkers: "block" });
  await other.route(/generator\.onnx/, (route) => route.fulfill({ body: "changed" }));
  const visited = await other.newPage();
  await visited.goto(server.url);
  await visited.getByText("generator.onnx is damaged").waitFor();
  await other.close();
});

test("of two voices in a recording, either gives its faces", async (t) => {
  const { models } = python.index;
  const model = python.index.default_model;
  const ears = await chromium.browser.newContext({ serviceWorkers: "block" });
  t.after(() => ears.close());
  // A threshold by which the model of the test hears two.
  const about = JSON.parse(readFileSync(join(models[model], "model.json"), "utf8"));
  const json = { ...about, two_voices: 0.9 };
  await ears.route(/model\.json/, (route) => route.fulfill({ json }));
  const opened = await open(ears, server.url);
  page = opened.page;
  const voice = panel(page, "Your voice");
  await choose(voice, conversation());
  await facesThere(page);
  const told = python.voicesOf(model);
  const [first, second] = told.shares.map((share) => `${Math.round(100 * share)} % of the speech`);
  const heard = voice.locator(".heard");
  assert.match(
    await heard.textContent(),
    new RegExp(`^two voices or more; voice 1, ${first}: sounds like a woman: \\d\\d %$`),
  );
  const [one, other] = [first, second].map((share, i) =>
    voice.getByRole("radio", { name: `voice ${i + 1}, ${share}` }),
  );
  assert.ok(await one.isChecked());
  const facesOfFirst = await pixelsOf(voice);
  await one.focus();
  await page.keyboard.press("ArrowDown");
  assert.ok(await other.isChecked());
  await page.getByText("faces generated: voice 2").waitFor();
  assert.match(await heard.textContent(), /voice 2, \d+ % of the speech: sounds like a man/);
  assert.notDeepEqual(await pixelsOf(voice), facesOfFirst);
  // The second voice's own colour is in the waveform, and the curve is drawn.
  const colours = await voice.locator(".waveform").evaluate((canvas) => {
    const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
    const found = new Set();
    for (let i = 0; i < data.length; i += 4) found.add([...data.slice(i, i + 4)].join());
    return [...found];
  });
  assert.ok(colours.includes("163,74,0,255") && colours.includes("91,42,134,255"));
  assert.match(
    await voice.getByRole("img", { name: /Likeness to the voice/ }).getAttribute("aria-label"),
    /over time, from -?0\.\d\d to 0\.\d\d$/,
  );
  await check();
  // Another recording has one voice again.
  await voice.getByRole("button", { name: "Example A" }).click();
  await page.getByText("faces generated: sounds like a woman").waitFor();
  assert.equal(await voice.getByRole("radio").count(), 0);
  assert.deepEqual(opened.problems, ["Service Worker registration blocked by Playwright"]);
});

/** Turns of the two examples' speakers, as a file. */
const conversation = () => ({
  name: "conversation.wav",
  mimeType: "audio/wav",
  buffer: Buffer.from(wav(python.pcm("conversation"), 16000)),
});

test("of a recording of eleven minutes the clearest ten are used", async () => {
  const speech = python.pcm("00");
  const samples = new Int16Array(660 * 16000);
  samples.set(speech, 650 * 16000); // in the last stretch; all before it is silent
  const voice = panel(page, "Your voice");
  const buffer = Buffer.from(wav(samples, 16000));
  await choose(voice, { name: "long.wav", mimeType: "audio/wav", buffer });
  await facesThere(page);
  assert.match(
    await voice.locator(".speech").textContent(),
    /^\d+\.\d s of speech in the 600\.0 s with the clearest speech, of 660\.0 s/,
  );
});
