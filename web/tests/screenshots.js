/** Takes the pictures of the page in docs/pictures: node tests/screenshots.js [--model FOLDER] */

import { join } from "node:path";

import { choose, facesThere, launch, open, panel, serve } from "./browser.js";
import { EXAMPLES, ROOT, golden } from "./golden.js";
import { wav } from "../src/core/files.js";

const server = await serve(...process.argv.slice(2));
const chromium = await launch();
const context = await chromium.browser.newContext({ deviceScaleFactor: 1 });
const { page } = await open(context, server.url);

/** @param {string} name @param {"light" | "dark"} colorScheme @param {number} width */
async function picture(name, colorScheme, width) {
  await page.emulateMedia({ colorScheme });
  await page.setViewportSize({ width, height: 844 });
  await page.waitForTimeout(500);
  await page.screenshot({
    path: join(ROOT, `docs/pictures/web-${name}.jpg`),
    fullPage: true,
    quality: 85,
  });
}

const first = panel(page, "Your voice");
await first.getByRole("button", { name: "Example A" }).click();
await facesThere(page);
await picture("desktop", "light", 1280);
await picture("phone", "dark", 390);

const siren = Int16Array.from({ length: 64000 }, (_, i) => {
  const t = i / 16000;
  return 13000 * Math.sin(2 * Math.PI * (600 * t + 40 * Math.sin(2 * Math.PI * t)));
});
await choose(first, {
  name: "siren.wav",
  mimeType: "audio/wav",
  buffer: Buffer.from(wav(siren, 16000)),
});
await first.getByRole("alert").waitFor();
await picture("refused", "light", 390);

await first.getByRole("button", { name: "Example A" }).click();
await facesThere(page);
await page.getByRole("button", { name: "Compare with a second voice" }).click();
await panel(page, "Second voice").getByRole("button", { name: "Example B" }).click();
await page.getByText("Cosine similarity").waitFor();
await page.getByRole("slider", { name: "Place on the way" }).fill("8");
await picture("two-voices", "dark", 1280);

await page.reload();
await page.getByText("Ready. Record your voice").waitFor();
const python = golden(EXAMPLES);
await choose(panel(page, "Your voice"), {
  name: "conversation.wav",
  mimeType: "audio/wav",
  buffer: Buffer.from(wav(python.pcm("conversation"), 16000)),
});
python.remove();
await panel(page, "Your voice").getByText("two voices or more").waitFor();
await facesThere(page);
await picture("several-voices", "light", 1280);

await chromium.stop();
server.stop();
