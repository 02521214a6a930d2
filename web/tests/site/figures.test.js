/** The book's live figures on the built site, in Chromium, opened from files. */

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, before, test } from "node:test";
import { pathToFileURL } from "node:url";

import { PATIENCE_MS, launch } from "../browser.js";
import { EXAMPLES, PYTHON, ROOT, golden } from "../golden.js";

const AXE = readFileSync(join(ROOT, "web/node_modules/axe-core/axe.min.js"), "utf8");
const folder = mkdtempSync(join(tmpdir(), "site-"));
/** With SITE, that is taken; without, the site is built. */
const SITE = process.env.SITE ?? join(folder, "html");
const CHAPTERS = ["game", "sound", "vanishing-gradient"];
const WIDTHS = [1280, 390];

/** @type {Awaited<ReturnType<typeof launch>>} */
let chromium;
/** @type {ReturnType<typeof golden>} */
let python;
/** @type {string[]} */
const problems = [];

before(async () => {
  if (!process.env.SITE) {
    const settings = ["-q", "-W", "-d", join(folder, "cache"), "-c", "docs", ".", SITE];
    execFileSync(PYTHON, ["-m", "sphinx", ...settings], { cwd: ROOT, stdio: "inherit" });
  }
  python = golden(EXAMPLES);
  chromium = await launch(python.pcm("01"));
});

after(async () => {
  await chromium.stop();
  python.remove();
  rmSync(folder, { recursive: true });
});

afterEach(() => assert.deepEqual(problems.splice(0), []));

/** @param {string} chapter @param {any} [options] of the browser's context */
async function open(chapter, options = {}) {
  const context = await chromium.browser.newContext(options);
  const page = await context.newPage();
  page.setDefaultTimeout(PATIENCE_MS);
  page.on("pageerror", (error) => problems.push(String(error)));
  page.on("request", (asked) => {
    if (!/^(file|blob|data):/.test(asked.url())) problems.push(`asked for ${asked.url()}`);
  });
  const file = chapter.includes("/") ? chapter : `docs/understand/${chapter}`;
  await page.goto(pathToFileURL(join(SITE, `${file}.html`)).href);
  return { page, context };
}

/** Numbers that a figure tells. @param {import("playwright-core").Page} page */
async function state(page) {
  const told = (await page.locator(".live-figure .figures").first().textContent()) ?? "";
  const number = (/** @type {RegExp} */ pattern) => Number(pattern.exec(told)?.[1] ?? NaN);
  return {
    turn: number(/Turn (\d+)/),
    accuracy: number(/right in (\d+) %/),
    divergence: number(/densities: ([\d.]+)/),
    gradient: number(/gradient: ([\d.e+-]+\d)/),
  };
}

/** Play until a turn. @param {import("playwright-core").Page} page @param {number} turn */
async function play(page, turn) {
  await page.getByRole("button", { name: "Start" }).click();
  await page.waitForFunction((least) => {
    const told = document.querySelector(".live-figure .figures")?.textContent ?? "";
    return Number(/Turn (\d+)/.exec(told)?.[1]) >= least;
  }, turn);
  await page.getByRole("button", { name: "Pause" }).click();
  return state(page);
}

test("the game converges with the non-saturating loss", async () => {
  const { page, context } = await open("game");
  const end = await play(page, 400);
  assert.ok(end.divergence < 0.08, JSON.stringify(end));
  assert.ok(end.accuracy < 75, JSON.stringify(end));
  await context.close();
});

test("the game stalls with the saturating loss, and begins again", async () => {
  const { page, context } = await open("game");
  await page.getByLabel("Loss of G").selectOption("saturating");
  const end = await play(page, 400);
  assert.ok(end.divergence > 0.65, JSON.stringify(end));
  assert.ok(end.accuracy > 98, JSON.stringify(end));
  assert.ok(end.gradient < 0.01, JSON.stringify(end));
  await page.getByRole("button", { name: "Begin again" }).click();
  assert.equal((await state(page)).turn, 0);
  await page.getByLabel("Real points").selectOption("ring");
  assert.ok((await state(page)).divergence < 0.69);
  await context.close();
});

test("the losses can be dragged, and slid", async () => {
  const { page, context } = await open("vanishing-gradient");
  const told = page.locator(".live-figure .figures");
  await page.getByLabel("Logit of a generated face").fill("-5");
  assert.match((await told.textContent()) ?? "", /log\(1 - D\): -0.0067.*-log D: -0.9933/);
  const box = await page.locator(".live-figure canvas").boundingBox();
  assert.ok(box);
  await page.locator(".live-figure canvas").click({ position: { x: box.width / 2, y: 20 } });
  assert.match((await told.textContent()) ?? "", /D = 0.5\d\d\d|D = 0.4\d\d\d/);
  await context.close();
});

test("the example is shown stage by stage, then what is spoken, and what a file has", async () => {
  const { page, context } = await open("sound", { permissions: ["microphone"] });
  const status = page.getByRole("status").first();
  await page.getByText("The example: 4.").waitFor();
  const darkness = () =>
    page.locator(".live-figure canvas").evaluateAll((canvases) =>
      canvases.map((canvas) => {
        const { width, height } = canvas;
        const { data } = canvas.getContext("2d").getImageData(0, 0, width, height);
        return data.reduce((sum, one) => sum + one, 0) / data.length;
      }),
    );
  const first = await darkness();
  assert.equal(first.length, 7);
  // The power is nearly black; in decibels it is not.
  assert.ok(first[2] > first[1] + 15, first.join());
  await page.getByRole("slider", { name: "Moment" }).fill("700");
  assert.match((await page.locator(".figures").textContent()) ?? "", /from 3\.\d\d s/);
  await page.getByRole("button", { name: "Speak" }).click();
  await page.waitForTimeout(2500);
  await page.getByRole("button", { name: "Stop" }).click();
  await page.getByText("Your voice: ").waitFor();
  const [, seconds, speech] = /Your voice: ([\d.]+) s, of which ([\d.]+) s/.exec(
    (await status.textContent()) ?? "",
  ) ?? [0, 0, 0];
  assert.ok(Number(seconds) > 1 && Number(speech) > 0.3, `${seconds} ${speech}`);
  await page.getByLabel("File").setInputFiles(EXAMPLES[1]);
  await page.getByText("librispeech-4340.flac: 6.0 s").waitFor();
  await page.getByLabel("File").setInputFiles({
    name: "a.wav",
    mimeType: "audio/wav",
    buffer: Buffer.from("no sound"),
  });
  await page.getByText("This browser cannot decode the file.").waitFor();
  await context.close();
});

test("without JavaScript each figure is a picture", async () => {
  for (const chapter of CHAPTERS) {
    const { page, context } = await open(chapter, { javaScriptEnabled: false });
    const picture = page.locator('img[src*="live-"]');
    assert.equal(await picture.count(), 1);
    assert.ok(((await picture.getAttribute("alt")) ?? "").length > 20);
    const source = await picture.getAttribute("src");
    assert.ok(existsSync(join(SITE, "docs/understand", source ?? "")));
    await context.close();
  }
});

/** Every chapter, and pages with wide tables and code. */
function pages() {
  const book = readdirSync(join(SITE, "docs/understand")).map((name) => name.split(".")[0]);
  return [...book, "docs/index", "docs/understand", "docs/try", "docs/judge", "./README"];
}

for (const colorScheme of /** @type {("light" | "dark")[]} */ (["light", "dark"])) {
  test(`nothing is wrong for assistive technology, nor wider than the screen: ${colorScheme}`, async () => {
    for (const chapter of colorScheme === "light" ? pages() : CHAPTERS) {
      const { page, context } = await open(chapter, { colorScheme });
      for (const width of WIDTHS) {
        await page.setViewportSize({ width, height: 844 });
        const over = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
        assert.ok(over <= 0, `${chapter} at ${width}: ${over}`);
      }
      await page.evaluate(AXE);
      const { violations } = await page.evaluate(() => /** @type {any} */ (window).axe.run());
      const found = violations.map((/** @type {any} */ one) => ({
        rule: one.id,
        where: one.nodes.slice(0, 3).map((/** @type {any} */ node) => node.html),
      }));
      assert.deepEqual(found, [], `${chapter}: ${JSON.stringify(found, null, 1)}`);
      await context.close();
    }
  });
}
