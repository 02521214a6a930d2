/**
 * The imperceptible mark of sheets: the very one that src/voice2face/runtime/sheet_mark.py adds,
 * where it is explained.
 */

import FFT from "fft.js";

import { Stream, uniforms } from "./random.js";

export const N_PILOTS = 40;
export const PAYLOAD_BITS = 48;
export const TILE_PX = 128;
export const SEED = 0x76326600;
const FAMILY = 1;
const SHORTEST = 7;
const LONGEST = 18;
const LEAST = 4;
const STRENGTH = 2.75;
const LEAST_STRENGTH = 1.2;
const ONE_FACE_PX = 300 ** 2;
const FLAT = 0.1;
const BUSY = 3;

/** @type {number[][]} */
const ring = [];
for (let y = -LONGEST; y <= LONGEST; y++) {
  for (let x = LEAST; x <= LONGEST; x++) {
    const square = x * x + y * y;
    if (Math.abs(y) >= LEAST && square >= SHORTEST ** 2 && square <= LONGEST ** 2) {
      ring.push([x, y]);
    }
  }
}
const order = uniforms(SEED, Stream.MARK, 0, ring.length);
/** Waves a tile along x and y. */
export const WAVES = ring
  .map((wave, i) => ({ wave, place: order[i] }))
  .sort((one, other) => one.place - other.place)
  .slice(0, N_PILOTS + 3 * PAYLOAD_BITS)
  .map(({ wave }) => wave);
export const PHASES = uniforms(SEED, Stream.MARK, 1, ring.length)
  .slice(0, WAVES.length)
  .map((one) => 2 * Math.PI * one);

/** The checksum CRC-16/XMODEM. @param {number[]} bytes */
function checksum(bytes) {
  let crc = 0;
  for (const byte of bytes) {
    crc ^= byte << 8;
    for (let bit = 0; bit < 8; bit++) crc = ((crc << 1) ^ (crc & 0x8000 ? 0x1021 : 0)) & 0xffff;
  }
  return crc;
}

/** Write a model's number, 24 bits, as the 48 bits of a payload. @param {number} model */
export function payloadBits(model) {
  const content = [FAMILY, model >> 16, (model >> 8) & 255, model & 255];
  const crc = checksum(content);
  const bytes = [...content, crc >> 8, crc & 255];
  return bytes.flatMap((byte) => Array.from({ length: 8 }, (_, i) => (byte >> (7 - i)) & 1));
}

/** Read a model's number; null where the checksum or the family is wrong. @param {number[]} bits */
export function readPayload(bits) {
  const bytes = Array.from({ length: PAYLOAD_BITS / 8 }, (_, i) =>
    bits.slice(8 * i, 8 * i + 8).reduce((sum, bit) => 2 * sum + bit, 0),
  );
  if (checksum(bytes) || bytes[0] !== FAMILY) return null;
  return bytes[1] * 65536 + bytes[2] * 256 + bytes[3];
}

/** Number of a model in the mark. @param {{ files: Record<string, string> }} description */
export function modelNumber({ files }) {
  return parseInt((files["generator.onnx"] ?? "0").slice(0, 6), 16);
}

/**
 * Transform a square of complex numbers in place: real and imaginary parts in turn.
 *
 * @param {Float64Array} values
 * @param {number} side a power of 2
 * @param {boolean} inverse without the division by the number of values
 */
export function transform(values, side, inverse) {
  const fft = new FFT(side);
  const line = new Float64Array(2 * side);
  const done = new Float64Array(2 * side);
  const run = () => {
    if (!inverse) return fft.transform(done, line);
    fft.inverseTransform(done, line);
    for (let i = 0; i < 2 * side; i++) done[i] *= side;
  };
  for (let row = 0; row < side; row++) {
    line.set(values.subarray(2 * side * row, 2 * side * (row + 1)));
    run();
    values.set(done, 2 * side * row);
  }
  for (let column = 0; column < side; column++) {
    for (let row = 0; row < side; row++) {
      line[2 * row] = values[2 * (side * row + column)];
      line[2 * row + 1] = values[2 * (side * row + column) + 1];
    }
    run();
    for (let row = 0; row < side; row++) {
      values[2 * (side * row + column)] = done[2 * row];
      values[2 * (side * row + column) + 1] = done[2 * row + 1];
    }
  }
  return values;
}

/**
 * Sum waves of given values at every shift: (tile, tile) real.
 *
 * @param {ArrayLike<number>} real a value for each of the first waves
 * @param {ArrayLike<number>} imaginary
 */
export function atShifts(real, imaginary) {
  const values = new Float64Array(2 * TILE_PX * TILE_PX);
  for (let i = 0; i < real.length; i++) {
    const [x, y] = WAVES[i];
    const place = ((y + TILE_PX) % TILE_PX) * TILE_PX + x;
    values[2 * place] = real[i];
    values[2 * place + 1] = imaginary[i];
  }
  transform(values, TILE_PX, true);
  return Float64Array.from({ length: TILE_PX * TILE_PX }, (_, i) => values[2 * i]);
}

/** One tile, of mean 0 and mean square 1. @param {number} model */
function drawTile(model) {
  const signs = payloadBits(model);
  const phases = PHASES.map((phase, i) =>
    i >= N_PILOTS ? phase + Math.PI * signs[(i - N_PILOTS) % PAYLOAD_BITS] : phase,
  );
  const scale = 1 / Math.sqrt(phases.length / 2);
  return atShifts(phases.map(Math.cos), phases.map(Math.sin)).map((one) => one * scale);
}

/**
 * Average over squares of 2 radius + 1.
 *
 * @param {Float64Array} values
 * @param {number} width
 * @param {number} radius
 * @param {boolean} [wraps] beyond the border the other side follows, else the border's value
 */
export function boxMean(values, width, radius, wraps = false) {
  const height = values.length / width;
  const along = (
    /** @type {number} */ count,
    /** @type {number} */ step,
    /** @type {number} */ start,
    /** @type {Float64Array} */ from,
    /** @type {Float64Array} */ to,
  ) => {
    const at = (/** @type {number} */ i) =>
      from[start + step * (wraps ? (i + count) % count : Math.min(Math.max(i, 0), count - 1))];
    let sum = 0;
    for (let i = -radius; i <= radius; i++) sum += at(i);
    for (let i = 0; i < count; i++) {
      to[start + step * i] = sum / (2 * radius + 1);
      sum += at(i + radius + 1) - at(i - radius);
    }
  };
  const across = new Float64Array(values.length);
  for (let row = 0; row < height; row++) along(width, 1, row * width, values, across);
  const both = new Float64Array(values.length);
  for (let column = 0; column < width; column++) along(height, width, column, across, both);
  return both;
}

/** @param {Uint8ClampedArray} rgba */
export function luminance(rgba) {
  return Float64Array.from(
    { length: rgba.length / 4 },
    (_, i) => 0.299 * rgba[4 * i] + 0.587 * rgba[4 * i + 1] + 0.114 * rgba[4 * i + 2],
  );
}

/** @type {Map<number, Float64Array>} */
const tiles = new Map();

/**
 * Add the mark to a sheet with faces of 128 px and more.
 *
 * @param {Uint8ClampedArray} rgba of an opaque picture; stays as it is
 * @param {number} width
 * @param {number} model see `modelNumber`
 * @returns {Uint8ClampedArray<ArrayBuffer>}
 */
export function markSheet(rgba, width, model) {
  const tile = tiles.get(model) ?? drawTile(model);
  tiles.set(model, tile);
  const luma = luminance(rgba);
  const smooth = boxMean(luma, width, 2);
  const activity = boxMean(
    luma.map((one, i) => Math.abs(one - smooth[i])),
    width,
    4,
  );
  let present = 0;
  let square = 0;
  const added = activity.map((one, i) => {
    const there = Math.min(one / FLAT, 1);
    const x = (i % width) % TILE_PX;
    const y = Math.floor(i / width) % TILE_PX;
    const value = there * (1 + Math.min(one / BUSY, 1)) * tile[y * TILE_PX + x];
    present += there;
    square += value * value;
    return value;
  });
  const strength = Math.max(
    STRENGTH * Math.sqrt(Math.min(1, ONE_FACE_PX / luma.length)),
    LEAST_STRENGTH,
  );
  const scale = strength * Math.sqrt(present / Math.max(square, 1e-9));
  const marked = new Uint8ClampedArray(rgba);
  // A clamped array rounds by itself, to the even one of two.
  added.forEach((one, i) => {
    for (let c = 0; c < 3; c++) marked[4 * i + c] = rgba[4 * i + c] + scale * one;
  });
  return marked;
}
