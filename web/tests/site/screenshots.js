/** Takes the pictures of the site in docs/pictures: SITE=FOLDER node tests/site/screenshots.js */

import { join } from "node:path";
import { pathToFileURL } from "node:url";

import { PATIENCE_MS, launch } from "../browser.js";
import { ROOT } from "../golden.js";

const SITE = process.env.SITE ?? join(ROOT, "site");
const TURN = 300;

const chromium = await launch();
const page = await chromium.browser.newPage();
page.setDefaultTimeout(PATIENCE_MS);

/** @param {string} chapter @param {number} width @param {"light" | "dark"} colorScheme */
async function open(chapter, width, colorScheme) {
  await page.emulateMedia({ colorScheme });
  await page.setViewportSize({ width, height: 1000 });
  await page.goto(pathToFileURL(join(SITE, `docs/understand/${chapter}.html`)).href);
}

/** @param {string} name @param {import("playwright-core").Locator} [part] */
async function picture(name, part) {
  const options = {
    path: join(ROOT, `docs/pictures/site-${name}.jpg`),
    type: /** @type {const} */ ("jpeg"),
    quality: 80,
  };
  await (part ? part.screenshot(options) : page.screenshot(options));
}

const figure = page.locator(".live-figure");
await open("game", 1280, "light");
await page.getByRole("button", { name: "Start" }).click();
await page.waitForFunction((least) => {
  const told = document.querySelector(".live-figure .figures")?.textContent ?? "";
  return Number(/Turn (\d+)/.exec(told)?.[1]) >= least;
}, TURN);
await page.getByRole("button", { name: "Pause" }).click();
await picture("game", figure);
await open("sound", 1280, "light");
await page.getByText("The example: ").waitFor();
await page.waitForTimeout(300);
await picture("sound", figure);
await open("vanishing-gradient", 390, "dark");
await page.waitForTimeout(300);
await picture("curves-phone", figure);
await open("optimum", 390, "dark");
await picture("chapter-phone");
await chromium.stop();
