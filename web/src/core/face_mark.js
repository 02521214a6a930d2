/**
 * The imperceptible mark of faces at their own pixels: the very one that
 * src/voice2face/runtime/face_mark.py adds and finds, where it is explained.
 */

import { Stream, uniforms } from "./random.js";
import { SEED, luminance } from "./sheet_mark.js";

const INDEX = 2;
const SLOWEST = 2;
const FASTEST = 10;
const MOST_ROWS = 16;
const SMALLEST_PX = 32;
const GAINS = Array.from({ length: 81 }, (_, i) => Math.exp(0.01 * (i - 40)));
const BLURS = [0, 0.00125, 0.0025];
const FLAT = 1e-3;

/** Half periods across and down a face. @type {number[][]} */
const WAVES = [];
for (let u = 1; u < FASTEST; u++) {
  for (let v = 1; v < FASTEST; v++) {
    const length = Math.hypot(u, v);
    if (length >= SLOWEST && length <= FASTEST) WAVES.push([u, v]);
  }
}
const first = uniforms(SEED, Stream.MARK, INDEX, WAVES.length / 2);
const OFFSETS = WAVES.map((_, i) => (first[i >> 1] + (i % 2) / 2) % 1);

/** Waves along one axis, [u - 1][x]. @param {number} side */
function cosines(side) {
  return Array.from({ length: FASTEST - 1 }, (_, i) =>
    Float64Array.from({ length: side }, (__, x) =>
      Math.cos(((i + 1) * Math.PI * (x + 0.5)) / side),
    ),
  );
}

/**
 * Measure the waves in one face, in grey levels.
 *
 * @param {Float64Array} luma
 * @param {number} width of the picture
 * @param {number} top
 * @param {number} left
 * @param {Float64Array[]} table see `cosines`
 */
function amplitudes(luma, width, top, left, table) {
  const side = table[0].length;
  const down = table.map((one) => {
    const sums = new Float64Array(side);
    for (let y = 0; y < side; y++) {
      const start = (top + y) * width + left;
      for (let x = 0; x < side; x++) sums[x] += one[y] * luma[start + x];
    }
    return sums;
  });
  return WAVES.map(([u, v]) => {
    const value = down[v - 1].reduce((sum, one, x) => sum + one * table[u - 1][x], 0);
    return value * (2 / side) ** 2;
  });
}

/**
 * Mark every face of a grid.
 *
 * @param {Uint8ClampedArray} rgba of an opaque picture; stays as it is
 * @param {number} width
 * @param {number} facePx side of a face
 * @returns {Uint8ClampedArray<ArrayBuffer>}
 */
export function markFaces(rgba, width, facePx) {
  const luma = luminance(rgba);
  const table = cosines(facePx);
  const marked = new Uint8ClampedArray(rgba);
  for (let top = 0; top + facePx <= luma.length / width; top += facePx) {
    for (let left = 0; left + facePx <= width; left += facePx) {
      if (isFlat(luma, width, top, left, facePx)) continue;
      const changes = amplitudes(luma, width, top, left, table).map(
        (one, i) => roundToEven(one - OFFSETS[i]) + OFFSETS[i] - one,
      );
      for (let y = 0; y < facePx; y++) {
        const across = new Float64Array(FASTEST - 1);
        WAVES.forEach(([u, v], i) => (across[u - 1] += changes[i] * table[v - 1][y]));
        for (let x = 0; x < facePx; x++) {
          const added = across.reduce((sum, one, u) => sum + one * table[u][x], 0);
          const place = 4 * ((top + y) * width + left + x);
          for (let c = 0; c < 3; c++) marked[place + c] = rgba[place + c] + roundToEven(added);
        }
      }
    }
  }
  return marked;
}

/** @param {number} value */
function roundToEven(value) {
  const rounded = Math.round(value);
  return Math.abs(value % 1) === 0.5 && rounded % 2 ? rounded - 1 : rounded;
}

/**
 * @param {Float64Array} luma
 * @param {number} width
 * @param {number} top
 * @param {number} left
 * @param {number} side
 */
function isFlat(luma, width, top, left, side) {
  const value = luma[top * width + left];
  for (let y = top; y < top + side; y++) {
    for (let x = left; x < left + side; x++) if (luma[y * width + x] !== value) return false;
  }
  return true;
}

/**
 * How near the amplitudes are to the grid.
 *
 * @param {Float64Array} luma
 * @param {number} width
 */
export function scoreFaces(luma, width) {
  const height = luma.length / width;
  let best = 0;
  for (let rows = 1; rows <= MOST_ROWS; rows++) {
    const side = height / rows;
    if (!Number.isInteger(side) || side < SMALLEST_PX || width % side) continue;
    const table = cosines(side);
    const faces = [];
    for (let top = 0; top < height; top += side) {
      for (let left = 0; left < width; left += side) {
        const face = amplitudes(luma, width, top, left, table);
        if (face.some((one) => Math.abs(one) > FLAT)) faces.push(face);
      }
    }
    const deviation = Math.sqrt(Math.max(faces.length * WAVES.length, 1) / 2);
    for (const blur of BLURS) {
      const sharpening = WAVES.map(([u, v]) => Math.exp(blur * (u * u + v * v)));
      for (const gain of GAINS) {
        let near = 0;
        for (const face of faces) {
          for (let i = 0; i < face.length; i++) {
            near += Math.cos(2 * Math.PI * (gain * face[i] * sharpening[i] - OFFSETS[i]));
          }
        }
        best = Math.max(best, near / deviation);
      }
    }
  }
  return best;
}
