/** The mark, against what Python adds (tests/data/mark.json) and for what it is found in. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { markFaces } from "../src/core/face_mark.js";
import { findMark } from "../src/core/mark_finder.js";
import { markSheet, payloadBits, readPayload } from "../src/core/sheet_mark.js";

const golden = JSON.parse(
  readFileSync(new URL("../../tests/data/mark.json", import.meta.url), "utf8"),
);

/** As `example_picture` of tests/runtime/test_mark.py. @param {number} height @param {number} width */
function examplePicture(height, width) {
  const rgba = new Uint8ClampedArray(4 * height * width);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const check = (Math.floor(x / 12) % 2) * (Math.floor(y / 9) % 2) * 40;
      const value = ((Math.floor((x * x) / 90) + y * 2 + check) % 200) + 20;
      rgba.set([value, Math.floor(value / 2) + 30, 255 - value, 255], 4 * (y * width + x));
    }
  }
  return rgba;
}

/** @type {{ name: string, width: number, plain: Uint8ClampedArray, marked: Uint8ClampedArray }[]} */
const PICTURES = [
  { name: "sheet", width: 170, plain: examplePicture(150, 170) },
  { name: "faces", width: 192, plain: examplePicture(128, 192) },
].map((one) => ({
  ...one,
  marked:
    one.name === "sheet"
      ? markSheet(one.plain, one.width, golden.model)
      : markFaces(one.plain, one.width, 64),
}));

test("the mark is the one that Python adds, to a grey level", () => {
  for (const { name, width, marked } of PICTURES) {
    const seen = [];
    for (let y = 0; y < marked.length / 4 / width; y += 7) {
      for (let x = 0; x < width; x += 5) seen.push(marked[4 * (y * width + x) + 1]);
    }
    assert.equal(seen.length, golden[name].length);
    const differences = seen.map((value, i) => Math.abs(value - golden[name][i]));
    assert.ok(Math.max(...differences) <= 1, `${name}: ${Math.max(...differences)}`);
  }
});

test("the mark is found where it is, with the scores that Python gives", () => {
  for (const { name, width, plain, marked } of PICTURES) {
    for (const [picture, which] of /** @type {[Uint8ClampedArray, string][]} */ ([
      [plain, `plain ${name}`],
      [marked, name],
    ])) {
      const found = findMark(picture, width);
      [found.sheetScore, found.faceScore].forEach((score, i) =>
        assert.ok(Math.abs(score - golden.scores[which][i]) < 0.1, `${which}: ${score}`),
      );
      assert.equal(found.isMarked, picture === marked);
      assert.equal(found.model, which === "sheet" ? golden.model : null);
    }
  }
});

test("the mark of a large sheet is weaker, as in Python", () => {
  for (const [rows, strength] of [
    [300, 2.75],
    [600, 2.75 / Math.SQRT2],
    [3000, 1.2],
  ]) {
    // Multiplication by a constant modulo 256 is noise enough for a picture where much goes on.
    const plain = new Uint8ClampedArray(4 * rows * 300);
    for (let i = 0; i < rows * 300; i++)
      plain.fill(100 + (((i * 2654435761) >>> 16) & 55), 4 * i, 4 * i + 4);
    const marked = markSheet(plain, 300, golden.model);
    const square = marked.reduce((sum, one, i) => sum + (i % 4 < 3 ? (one - plain[i]) ** 2 : 0), 0);
    const wanted = strength ** 2 + 1 / 12;
    assert.ok(Math.abs(square / (3 * rows * 300) - wanted) < 0.02 * wanted, String(strength));
  }
});

test("faces of one colour, and what is no whole face, stay as they are", () => {
  const picture = examplePicture(100, 200);
  for (let y = 0; y < 64; y++) {
    for (let x = 64; x < 128; x++) picture.fill(90, 4 * (y * 200 + x), 4 * (y * 200 + x) + 3);
  }
  const marked = markFaces(picture, 200, 64);
  const changed = { first: 0, flat: 0, last: 0, rest: 0 };
  marked.forEach((value, i) => {
    if (value === picture[i]) return;
    const [x, y] = [(i >> 2) % 200, Math.floor((i >> 2) / 200)];
    changed[y > 63 || x > 191 ? "rest" : x > 127 ? "last" : x > 63 ? "flat" : "first"] += 1;
  });
  assert.ok(changed.first > 5000 && changed.last > 5000);
  assert.deepEqual([changed.flat, changed.rest], [0, 0]);
});

test("a payload is read as it was written, and not with a wrong bit", () => {
  for (const model of [0, 1, 0xffffff]) {
    const bits = payloadBits(model);
    assert.equal(readPayload(bits), model);
    bits[20] ^= 1;
    assert.equal(readPayload(bits), null);
  }
});
