/** The mark, against what Python adds (tests/data/mark.json) and for what it is found in. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { markPicture, payloadBits, readPayload } from "../src/core/mark.js";
import { findMark } from "../src/core/mark_finder.js";

const WIDTH = 170;
const HEIGHT = 150;
const golden = JSON.parse(
  readFileSync(new URL("../../tests/data/mark.json", import.meta.url), "utf8"),
);

/** As `example_picture` of tests/runtime/test_mark.py. */
function examplePicture() {
  const rgba = new Uint8ClampedArray(4 * WIDTH * HEIGHT);
  for (let y = 0; y < HEIGHT; y++) {
    for (let x = 0; x < WIDTH; x++) {
      const check = (Math.floor(x / 12) % 2) * (Math.floor(y / 9) % 2) * 40;
      const value = ((Math.floor((x * x) / 90) + y * 2 + check) % 200) + 20;
      rgba.set([value, Math.floor(value / 2) + 30, 255 - value, 255], 4 * (y * WIDTH + x));
    }
  }
  return rgba;
}

test("the mark is the one that Python adds, to a grey level", () => {
  for (const [name, facePx] of /** @type {[string, number][]} */ ([
    ["sheet", 256],
    ["face", 64],
  ])) {
    const marked = markPicture(examplePicture(), WIDTH, facePx, golden.model);
    const seen = [];
    for (let y = 0; y < HEIGHT; y += 7) {
      for (let x = 0; x < WIDTH; x += 5) seen.push(marked[4 * (y * WIDTH + x) + 1]);
    }
    assert.equal(seen.length, golden[name].length);
    const differences = seen.map((value, i) => Math.abs(value - golden[name][i]));
    assert.ok(Math.max(...differences) <= 1, `${name}: ${Math.max(...differences)}`);
  }
});

test("the mark is found where it is, with the scores that Python gives", () => {
  for (const [facePx, name] of /** @type {[number, string][]} */ ([
    [256, "sheet"],
    [64, "face"],
    [0, "plain"],
  ])) {
    const plain = examplePicture();
    const picture = facePx ? markPicture(plain, WIDTH, facePx, golden.model) : plain;
    const found = findMark(picture, WIDTH);
    const scores = [found.sheetScore, found.faceScore, found.inPlaceScore];
    scores.forEach((score, i) =>
      assert.ok(Math.abs(score - golden.scores[name][i]) < 0.1, `${name}: ${scores}`),
    );
    assert.equal(found.isMarked, facePx > 0);
    assert.equal(found.model, name === "sheet" ? golden.model : null);
  }
});

test("a payload is read as it was written, and not with a wrong bit", () => {
  for (const model of [0, 1, 0xffffff]) {
    const bits = payloadBits(model);
    assert.equal(readPayload(bits), model);
    bits[20] ^= 1;
    assert.equal(readPayload(bits), null);
  }
});
