/** Chromium with a fake microphone, before a page that `voice2face web` serves. */

import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { chromium } from "playwright-core";

import { wav } from "../src/core/files.js";
import { PYTHON, ROOT } from "./golden.js";

export const CHROMIUM = process.env.CHROMIUM ?? "/usr/bin/chromium";
/** A shared machine may be slow. */
export const PATIENCE_MS = 120_000;

/** Serve the app as a user does. @returns {Promise<{ url: string, stop: () => void }>} */
export async function serve() {
  const child = spawn(PYTHON, ["-m", "voice2face", "web", "--port", "0"], {
    env: { ...process.env, PYTHONPATH: join(ROOT, "src") },
    stdio: ["ignore", "pipe", "inherit"],
  });
  const url = await new Promise((resolve, reject) => {
    child.stdout.once("data", (line) => resolve(String(line).split(" ")[0]));
    child.once("exit", () => reject(new Error("voice2face web ended")));
  });
  return { url, stop: () => child.kill() };
}

/**
 * Start Chromium.
 *
 * @param {Int16Array} [spoken] what the microphone hears, at 16 kHz, again and again
 */
export async function launch(spoken) {
  const folder = mkdtempSync(join(tmpdir(), "browser-"));
  const microphone = join(folder, "microphone.wav");
  writeFileSync(microphone, wav(spoken ?? new Int16Array(16000), 16000));
  const browser = await chromium.launch({
    executablePath: CHROMIUM,
    args: [
      "--no-sandbox",
      "--use-fake-ui-for-media-stream",
      "--use-fake-device-for-media-stream",
      `--use-file-for-fake-audio-capture=${microphone}`,
    ],
  });
  return {
    browser,
    async stop() {
      await browser.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/**
 * Open the page, and wait until it is ready.
 *
 * @param {import("playwright-core").BrowserContext} context
 * @param {string} url
 */
export async function open(context, url) {
  const page = await context.newPage();
  page.setDefaultTimeout(PATIENCE_MS);
  /** @type {string[]} */
  const problems = [];
  page.on("pageerror", (error) => problems.push(String(error)));
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type())) problems.push(message.text());
  });
  await page.goto(url);
  await page.getByText("Ready. Record your voice").waitFor();
  return { page, problems };
}

/** The panel of a voice. @param {import("playwright-core").Page} page @param {string} title */
export const panel = (page, title) => page.getByRole("region", { name: title });

/**
 * Wait until a panel shows as many faces as wanted.
 *
 * @param {import("playwright-core").Page} page
 * @param {number} [count]
 */
export async function facesOf(page, count = 4) {
  await page.getByText(`${count} faces generated.`).waitFor();
}
