/** Tells whether a picture was made by this program, as runtime/verify.py does. */

import { claimsOurs } from "../core/files.js";

const MOST_PIXELS = 80_000_000;
const LEAST_PX = 32;

/**
 * @param {File} file
 * @param {import("./engine.js").Engine} engine
 * @returns {Promise<string>} the verdict in words, never that it is a photograph
 */
export async function verdict(file, engine) {
  const picture = await createImageBitmap(file).catch(() => null);
  if (!picture) return `${file.name} cannot be read; give a PNG, JPEG, WebP or GIF.`;
  const { width, height } = picture;
  if (width * height > MOST_PIXELS || Math.min(width, height) < LEAST_PX) {
    return `${file.name} has ${width} x ${height} pixels; give 32 each way to 80 million in all.`;
  }
  const canvas = new OffscreenCanvas(width, height);
  const context = /** @type {OffscreenCanvasRenderingContext2D} */ (canvas.getContext("2d"));
  context.fillStyle = "white";
  context.fillRect(0, 0, width, height);
  context.drawImage(picture, 0, 0);
  const found = await engine.findMark(context.getImageData(0, 0, width, height).data, width);
  if (found.isMarked) {
    const { model, number } = engine.origin(0);
    const which = found.model === number ? `, by the model ${model}` : "";
    return `${file.name}: made by this program${which}. It holds the mark.`;
  }
  if (claimsOurs(new Uint8Array(await file.arrayBuffer()))) {
    return `${file.name}: probably made by this program. It says so, but anybody can write that.`;
  }
  return `${file.name}: cannot tell. It may be generated, by this program or another, or not.`;
}
