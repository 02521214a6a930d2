/** Faces on a captioned sheet, laid out as src/voice2face/images/sheet.py does. */

import { GIFEncoder, applyPalette, quantize } from "gifenc";

import { CAPTION, markGif, markPng } from "../core/files.js";
import { markFaces } from "../core/face_mark.js";
import { markSheet } from "../core/sheet_mark.js";

/** @typedef {import("./engine.js").Face} Face */
/** @typedef {import("../core/files.js").Origin} Origin */

const COLUMNS = 4;
const FACE_PX = 256;
const MARGIN_PX = 12;
const TEXT_PX = 22;
const FONT = "15px system-ui, sans-serif";
const BACKGROUND = "rgb(250, 249, 246)";
const INK = "rgb(40, 40, 40)";
const FRAME_MS = 120;

/**
 * Show a face, with the mark: a browser saves what it shows.
 *
 * @param {HTMLCanvasElement} canvas
 * @param {Face} face
 * @param {Origin} origin
 */
export function showFace(canvas, face, { marked }) {
  const size = Math.sqrt(face.length / 4);
  putFace(canvas, marked ? markFaces(face, size, size) : face);
}

/**
 * Put a face on a canvas, at its own pixels.
 *
 * @param {HTMLCanvasElement | OffscreenCanvas} canvas
 * @param {Face} face
 */
function putFace(canvas, face) {
  const size = Math.sqrt(face.length / 4);
  canvas.width = canvas.height = size;
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  context.putImageData(new ImageData(face, size, size), 0, 0);
}

/**
 * Set faces out large, with what they are written below.
 *
 * @param {Face[]} faces
 * @param {string[]} lines
 * @param {Origin} origin
 * @returns {OffscreenCanvas}
 */
function sheet(faces, lines, { number, marked }) {
  const columns = Math.min(COLUMNS, faces.length);
  const rows = Math.ceil(faces.length / columns);
  const canvas = new OffscreenCanvas(1, 1);
  const readable = { willReadFrequently: true };
  const context = /** @type {OffscreenCanvasRenderingContext2D} */ (
    canvas.getContext("2d", readable)
  );
  context.font = FONT;
  const captionPx = Math.ceil(context.measureText(CAPTION).width);
  const textPx = Math.max(columns * (FACE_PX + MARGIN_PX) - MARGIN_PX, captionPx);
  canvas.width = textPx + 2 * MARGIN_PX;
  canvas.height = rows * (FACE_PX + MARGIN_PX) + 2 * MARGIN_PX + (lines.length + 1) * TEXT_PX;
  context.fillStyle = BACKGROUND;
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.imageSmoothingQuality = "high";
  const small = new OffscreenCanvas(1, 1);
  faces.forEach((face, i) => {
    putFace(small, face);
    const left = MARGIN_PX + (i % columns) * (FACE_PX + MARGIN_PX);
    const top = MARGIN_PX + Math.floor(i / columns) * (FACE_PX + MARGIN_PX);
    context.drawImage(small, left, top, FACE_PX, FACE_PX);
  });
  context.fillStyle = INK;
  context.font = FONT; // setting the size has reset it
  context.textBaseline = "top";
  const top = canvas.height - MARGIN_PX - (lines.length + 1) * TEXT_PX;
  [...lines, CAPTION].forEach((line, i) => {
    context.fillText(line, MARGIN_PX, top + i * TEXT_PX, textPx);
  });
  if (marked) {
    const { width, height } = canvas;
    const { data } = context.getImageData(0, 0, width, height);
    const pixels = markSheet(data, width, number);
    context.putImageData(new ImageData(pixels, width, height), 0, 0);
  }
  return canvas;
}

/**
 * @param {Face[]} faces
 * @param {string[]} lines what is written above the caption
 * @param {Origin} origin
 */
export async function sheetPng(faces, lines, origin) {
  const png = await sheet(faces, lines, origin).convertToBlob({ type: "image/png" });
  return markPng(new Uint8Array(await png.arrayBuffer()), origin);
}

/**
 * The way from one voice to another and back, as an animation that starts anew for ever.
 *
 * @param {Face[]} faces
 * @param {string} title
 * @param {Origin} origin
 */
export function morphGif(faces, title, origin) {
  const frames = [...faces, ...faces.slice(1, -1).reverse()].map((face) => {
    const canvas = sheet([face], [title], origin);
    const context = /** @type {OffscreenCanvasRenderingContext2D} */ (canvas.getContext("2d"));
    return context.getImageData(0, 0, canvas.width, canvas.height);
  });
  // One palette for all, so that what stands still does not flicker.
  const every = new Uint8Array(frames.reduce((sum, { data }) => sum + data.length, 0));
  frames.forEach(({ data }, i) => every.set(data, i * data.length));
  const palette = quantize(every, 256);
  const gif = GIFEncoder();
  for (const { data, width, height } of frames) {
    gif.writeFrame(applyPalette(data, palette), width, height, {
      palette: gif.bytesView().length ? undefined : palette,
      delay: FRAME_MS,
    });
  }
  gif.finish();
  return markGif(gif.bytes(), origin);
}
