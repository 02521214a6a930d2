/** Chromium with a fake microphone, before a page that `voice2face web` serves. */

import { spawn } from "node:child_process";
import { createServer, request } from "node:http";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { extname, join } from "node:path";

import { chromium } from "playwright-core";

import { wav } from "../src/core/files.js";
import { PYTHON, ROOT } from "./golden.js";

export const CHROMIUM = process.env.CHROMIUM ?? "/usr/bin/chromium";
/** @type {Record<string, string>} */
const MEDIA_TYPES = {
  ".html": "text/html",
  ".css": "text/css",
  ".js": "text/javascript",
  ".svg": "image/svg+xml",
  ".webmanifest": "application/manifest+json",
};
/** A shared machine may be slow. */
export const PATIENCE_MS = 120_000;

/**
 * Serve the app as a user does, and see what passes between browser and server: also what a service
 * worker asks for, and after compression.
 *
 * @param {...string} options of `voice2face web`
 */
export async function serve(...options) {
  const child = spawn(PYTHON, ["-m", "voice2face", "web", "--port", "0", ...options], {
    env: { ...process.env, PYTHONPATH: join(ROOT, "src") },
    stdio: ["ignore", "pipe", "inherit"],
  });
  /** @type {URL} */
  const server = await new Promise((resolve, reject) => {
    child.stdout.once("data", (line) => resolve(new URL(String(line).split(" ")[0])));
    child.once("exit", () => reject(new Error("voice2face web ended")));
  });
  const passed = { requests: /** @type {string[]} */ ([]), bytes: 0, examplesDelayMs: 0 };
  const between = createServer((asked, answer) => {
    passed.requests.push(asked.url ?? "");
    const { hostname, port } = server;
    const path = asked.url;
    const { method, headers } = asked;
    const forward = request({ hostname, port, path, method, headers }, (given) => {
      answer.writeHead(given.statusCode ?? 500, given.headers);
      given.on("data", (chunk) => (passed.bytes += chunk.length));
      given.pipe(answer);
    });
    setTimeout(() => forward.end(), path?.startsWith("/examples/") ? passed.examplesDelayMs : 0);
  });
  await new Promise((resolve) => between.listen(0, "127.0.0.1", () => resolve(null)));
  const { port } = /** @type {import("node:net").AddressInfo} */ (between.address());
  return {
    url: `http://127.0.0.1:${port}/`,
    passed,
    stop() {
      between.close();
      between.closeAllConnections();
      child.kill();
    },
  };
}

/** Serve a folder as any static host does. @param {string} folder */
export async function serveFolder(folder) {
  const server = createServer(async (asked, answer) => {
    const { pathname } = new URL(asked.url ?? "/", "http://host");
    const name = pathname === "/" ? "index.html" : pathname.slice(1);
    const content = await readFile(join(folder, name)).catch(() => null);
    const type = MEDIA_TYPES[extname(name)] ?? "application/octet-stream";
    answer.writeHead(content ? 200 : 404, { "Content-Type": type }).end(content);
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(null)));
  const { port } = /** @type {import("node:net").AddressInfo} */ (server.address());
  return {
    url: `http://127.0.0.1:${port}/`,
    stop() {
      server.close();
      server.closeAllConnections();
    },
  };
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

/** Wait until as many faces are there. @param {import("playwright-core").Page} page @param {number} [count] */
export async function facesThere(page, count = 4) {
  await page.getByText(`${count} faces generated`).waitFor();
}

/**
 * Read what the canvases of a panel show.
 *
 * @param {import("playwright-core").Locator} voice
 * @returns {Promise<number[][]>} RGBA of each face
 */
export function pixelsOf(voice) {
  return voice.locator(".faces canvas").evaluateAll((canvases) =>
    canvases.map((canvas) => {
      const { width, height } = canvas;
      return [...canvas.getContext("2d").getImageData(0, 0, width, height).data];
    }),
  );
}

/** Choose a file for a voice. @param {import("playwright-core").Locator} voice @param {any} file */
export const choose = (voice, file) => voice.getByLabel("Choose a file").setInputFiles(file);
