/** The parts of the pipeline against examples, hand-computed cases and properties. */

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { toPixels } from "../src/core/bundle.js";
import { readDescription } from "../src/core/description.js";
import { claimsOurs, markGif, markPng, wav } from "../src/core/files.js";
import { heard, onSide, probabilityOfWoman } from "../src/core/gender.js";
import { cyclicFrames } from "../src/core/log_mel.js";
import { mix } from "../src/core/mix.js";
import { dot, roundHalfEven, unit } from "../src/core/numbers.js";
import { Stream, normals, uniforms, words } from "../src/core/random.js";
import { Resampler, toInt16 } from "../src/core/resample.js";
import { isWoman, slerp } from "../src/core/sampling.js";
import { cosineOfTwo, divide, whose } from "../src/core/voices.js";
import { PYTHON, ROOT } from "./golden.js";

const close = (/** @type {number} */ a, /** @type {number} */ b, tolerance = 1e-12) =>
  assert.ok(Math.abs(a - b) <= tolerance, `${a} is not ${b}`);

test("random numbers are those of the examples shared with Python", () => {
  const text = readFileSync(`${ROOT}/tests/data/random_numbers.json`, "utf8");
  const { streams, cases } = JSON.parse(text);
  for (const [name, stream] of Object.entries(Stream)) assert.equal(stream, streams[name], name);
  for (const { seed, stream, index, ...expected } of cases) {
    const number = /** @type {Record<string, number>} */ (Stream)[stream];
    if (number === undefined) continue; // purposes that the app does not have
    const at = /** @type {const} */ ([BigInt(seed), number, Number(index)]);
    assert.deepEqual(words(...at, expected.words.length).map(String), expected.words.map(String));
    assert.deepEqual([...uniforms(...at, expected.uniforms.length)], expected.uniforms);
    const drawn = normals(...at, expected.normals.length);
    // Logarithm, sine and cosine may differ in the last place.
    drawn.forEach((value, i) => close(value, expected.normals[i], 1e-14));
  }
});

test("halves are rounded to the even integer", () => {
  const rounded = [-1.5, -0.5, 0.5, 1.5, 2.5, 2.6, 2.4].map(roundHalfEven);
  assert.deepEqual(rounded, [-2, 0, 0, 2, 2, 3, 2]);
});

test("a sine keeps frequency, level and phase when resampled, in pieces of any size", () => {
  for (const from of [48000, 44100, 8000, 16000, 22050]) {
    const frequency = 1000;
    const input = Float32Array.from({ length: from }, (_, i) =>
      Math.sin((2 * Math.PI * frequency * i) / from),
    );
    const whole = resampleInPieces(input, from, [from]);
    const pieces = resampleInPieces(input, from, [1, 128, 1000, 7]);
    assert.equal(pieces.length, whole.length);
    pieces.forEach((sample, i) => close(sample, whole[i], 1e-6));
    assert.equal(whole.length, 16000);
    for (let i = 200; i < 15800; i++) {
      close(whole[i], Math.sin((2 * Math.PI * frequency * i) / 16000), 2e-4);
    }
  }
});

test("what lies above half of the new rate is gone after resampling", () => {
  const input = Float32Array.from({ length: 48000 }, (_, i) =>
    Math.sin((2 * Math.PI * 9000 * i) / 48000),
  );
  const resampled = resampleInPieces(input, 48000, [48000]).slice(200, 15800);
  assert.ok(Math.max(...resampled.map(Math.abs)) < 1e-3);
});

/** @param {Float32Array} input @param {number} from @param {number[]} sizes repeated */
function resampleInPieces(input, from, sizes) {
  const resampler = new Resampler(from, 16000);
  const out = [];
  for (let at = 0, n = 0; at < input.length; n++) {
    const size = sizes[n % sizes.length];
    out.push(...resampler.push(input.subarray(at, at + size)));
    at += size;
  }
  return Float32Array.from([...out, ...resampler.finish()]);
}

test("16 bits are reached and not passed", () => {
  const samples = toInt16(Float32Array.of(-2, -1, 0, 12345 / 32768, 1));
  assert.deepEqual([...samples], [-32768, -32768, 0, 12345, 32767]);
});

test("channels become their mean, unless they cancel each other", () => {
  const left = Float32Array.of(1, 0.5);
  assert.deepEqual([...mix([left, Float32Array.of(0, 0.5)])], [0.5, 0.5]);
  const opposite = left.map((value) => -2 * value);
  assert.equal(mix([left, opposite.map((value) => value / 2)]), left);
});

test("a spectrogram goes on at its start", () => {
  const bands = Float32Array.of(0, 1, 10, 11, 20, 21);
  assert.deepEqual([...cyclicFrames(bands, 2, 2, 4)], [20, 21, 0, 1, 10, 11, 20, 21]);
});

test("the way between two voices has equal angles, and ends at them", () => {
  const [first, last] = [Float32Array.of(1, 0, 0), Float32Array.of(0, 0.6, 0.8)];
  const way = slerp(first, last, 5);
  assert.equal(way[0], first);
  assert.equal(way[4], last);
  for (let i = 1; i < 5; i++) {
    close(Math.acos(dot(way[i - 1], way[i])), Math.PI / 8, 1e-6);
    close(dot(way[i], way[i]), 1, 1e-6);
  }
  const opposite = slerp(first, Float32Array.of(-1, 0, 0), 3)[1];
  close(dot(opposite, first), 0, 1e-6);
  close(dot(opposite, opposite), 1, 1e-6);
});

test("gender is a logistic regression, and the other side is at the margin or beyond", () => {
  const gender = { axis: [0.6, 0.8, 0], scale: 10, bias: 1, margin: 0.2 };
  const voice = unit([0.1, 0.2, 0.9]);
  const logit = 10 * dot(gender.axis, voice) + 1;
  close(probabilityOfWoman(gender, voice), 1 / (1 + Math.exp(-logit)), 1e-9);
  for (const woman of [true, false]) {
    const moved = onSide(gender, voice, woman);
    const distance = dot(gender.axis, moved) + 0.1;
    assert.equal(distance > 0, woman);
    assert.ok(Math.abs(distance) >= 0.2 - 1e-6);
    close(dot(moved, moved), 1, 1e-6);
    assert.equal(onSide(gender, moved, woman), moved);
  }
  const onAxis = onSide(gender, unit(gender.axis), false);
  close(dot(onAxis, gender.axis), -1, 1e-6);
});

test("an uncertain voice is called uncertain, and none is certain", () => {
  assert.equal(heard(0.6), "woman or man: uncertain, 60 %");
  assert.equal(heard(0.05), "sounds like a man: 95 %");
  assert.equal(heard(1), "sounds like a woman: 99 %");
});

test("directions are clustered, and frames are of the voice of the windows over them", () => {
  const at = (/** @type {number[]} */ ...degrees) =>
    degrees.map((one) =>
      Float32Array.of(Math.cos((one * Math.PI) / 180), Math.sin((one * Math.PI) / 180)),
    );
  // Three near 90 degrees, two near 0, one at 200: by hand.
  const points = at(0, 85, 90, 10, 95, 200);
  assert.deepEqual([...divide(points, 875, 3).labels], [1, 0, 0, 1, 0, 2]);
  assert.deepEqual([...divide(points, 875, 1).labels], [0, 0, 0, 0, 0, 0]);
  assert.deepEqual([...divide(points, 875, 9).labels].sort(), [0, 1, 2, 3, 4, 5]);
  close(cosineOfTwo(divide(at(0, 0, 60, 60), 625, 2)), 0.5, 1e-6);
  const strange = at(...Array.from({ length: 18 }, (_, i) => 2 * (i % 2)), 90);
  assert.equal(cosineOfTwo(divide(strange, 2500, 2)), 1);
  assert.equal(cosineOfTwo(divide(at(0), 250, 2)), 1);
  // Windows 0 to 2 are of one voice, 3 to 7 of another, who speaks more and so is voice 0.
  const owners = whose(divide(at(0, 0, 0, 90, 90, 90, 90, 90), 1165, 2));
  const ofHop = owners.filter((_, frame) => frame % 125 === 0);
  assert.deepEqual([...ofHop.slice(0, 3), ...ofHop.slice(4)], [1, 1, 1, 0, 0, 0, 0, 0, 0]);
});

test("face 0 has the more probable gender, the others that of the probability", () => {
  assert.equal(isWoman(3, 0, 0.51), true);
  assert.equal(isWoman(3, 0, 0.49), false);
  const women = Array.from({ length: 2000 }, (_, i) => isWoman(3, i + 1, 0.3));
  // Three standard deviations of a binomial share.
  close(women.filter(Boolean).length / 2000, 0.3, 3 * Math.sqrt((0.3 * 0.7) / 2000));
});

test("pixels are clamped and rounded; a stretched image fills its range", () => {
  const face = Float32Array.of(-2, 0, 0.5, 0.25, 3, -1);
  const rgb = (/** @type {Uint8ClampedArray} */ pixels) => [...pixels].filter((_, i) => i % 4 < 3);
  assert.deepEqual(rgb(toPixels(face, "fixed")), [0, 191, 255, 128, 159, 0]);
  const stretched = toPixels(Float32Array.of(0, 0.25, 0.5, 0, 0.25, 0.5), "stretched");
  // Red is 0, 0.25; green 0.5, 0; blue 0.25, 0.5, of a range of 0.5.
  assert.deepEqual(rgb(stretched), [0, 255, 128, 128, 0, 255]);
});

test("older formats are read as they are meant, newer ones are refused", () => {
  const old = readDescription({ format: 1, front_end: { n_mels: 64 } });
  assert.equal(old.noise_dim, 0);
  assert.equal(old.gender, null);
  assert.equal(old.front_end.band_range_db, null);
  assert.throws(() => readDescription({ format: 99 }), /format 99/);
});

test("Python reads the files that the page gives away, and what they say", () => {
  const png = Buffer.from(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGNgYGAAAAAEAAH2FzhVAAAAAElFTkSuQmCC",
    "base64",
  );
  const gif = Buffer.from("R0lGODlhAQABAIAAAP///wAAACwAAAAAAQABAAACAkQBADs=", "base64");
  const samples = Int16Array.of(0, 1, -1, 32767, -32768);
  const origin = { version: "1.2", model: 'a "<&', number: 1, seed: 2n ** 60n, marked: true };
  const files = [wav(samples, 16000), markPng(png, origin), markGif(gif, origin)];
  assert.ok(files.slice(1).every(claimsOurs));
  assert.ok(!claimsOurs(png));
  const input = files.map((bytes) => Buffer.from(bytes).toString("base64"));
  const program = `
import base64, io, json, sys, wave
from PIL import Image
from voice2face.images.sheet import CAPTION
from voice2face.runtime.xmp import SOURCE_TYPE, read_xmp, xmp_packet
sound, png, gif = (io.BytesIO(base64.b64decode(one)) for one in json.load(sys.stdin))
with wave.open(sound) as file:
    assert file.getparams()[:4] == (1, 2, 16000, 5), file.getparams()
    frames = file.readframes(5)
image = Image.open(png)
image.load()
packet = image.text.pop("XML:com.adobe.xmp")
assert image.text == {"Description": CAPTION, "Software": "voice2face"}, image.text
expected = {
    "DigitalSourceType": SOURCE_TYPE,
    "CreatorTool": "voice2face 1.2",
    "Model": 'a "<&',
    "Version": "1.2",
    "Seed": str(2**60),
}
for content in (packet.encode(), png.getvalue(), gif.getvalue()):
    assert read_xmp(content) == expected, read_xmp(content)
version = read_xmp(xmp_packet().encode())["Version"]
assert packet.replace("1.2", version) == xmp_packet('a "<&', 2**60)
assert Image.open(gif).info["comment"].decode() == CAPTION + " voice2face"
print(list(memoryview(frames).cast("h")))`;
  const told = execFileSync(PYTHON, ["-c", program], {
    input: JSON.stringify(input),
    env: { ...process.env, PYTHONPATH: `${ROOT}/src` },
    encoding: "utf8",
  });
  assert.equal(told.trim(), "[0, 1, -1, 32767, -32768]");
});
