/** The same samples and seed give the same embedding and faces as in Python. */

import assert from "node:assert/strict";
import { after, test } from "node:test";

import { EXAMPLES, frontEndName, golden } from "./golden.js";
import { compute, loadModel, loadVoiceActivity } from "./in_node.js";
import { TOLERANCES, compare, greatestDifference } from "./parity.js";
import { timesOfSpeech } from "../src/core/pipeline.js";
import { bestStretches } from "../src/core/stretches.js";
import { cosineOfTwo, divide, whose } from "../src/core/voices.js";

const python = golden(EXAMPLES);
after(python.remove);

for (const [name, folder] of Object.entries(python.index.models)) {
  test(`${name} gives the embeddings and faces of Python`, async () => {
    const model = await loadModel(folder);
    const { recordings } = python.index;
    for (const [number, recording] of recordings.entries()) {
      const following = recordings[(number + 1) % recordings.length];
      const [pcm, followingPcm] = [recording, following].map((one) => python.pcm(one.name));
      const computed = await compute(model, pcm, followingPcm, python.index);
      const frontEnd = frontEndName(model.description.front_end);
      const differences = compare(computed, python.of(recording, name, frontEnd));
      console.log(name, recording.file, differences);
      assert.equal(computed.speechS, recording.speech_s[frontEnd]);
      for (const [what, tolerance] of Object.entries(TOLERANCES)) {
        const difference = differences[/** @type {keyof TOLERANCES} */ (what)];
        assert.ok(difference <= tolerance, `${recording.file}: ${what} differs by ${difference}`);
      }
    }
  });
}

for (const [name, folder] of Object.entries(python.index.models)) {
  test(`${name} tells the two voices of a conversation apart as Python does`, async () => {
    const model = await loadModel(folder);
    model.description.two_voices = 1; // of any cosine
    const voices = python.voicesOf(name);
    const { windows, times, embeddings, labels, whose: owners, attention, ...told } = voices;
    const pcm = python.pcm("conversation");
    const speech = await model.listen(pcm, true);
    const dim = model.description.embedding_dim;
    const rows = Array.from({ length: windows.length / dim }, (_, i) =>
      windows.subarray(i * dim, (i + 1) * dim),
    );
    const division = divide(rows, owners.length, 2);
    assert.deepEqual([...division.labels], [...labels]);
    assert.deepEqual([...whose(division)], [...owners]);
    assert.ok(Math.abs(cosineOfTwo(division) - told.cosine) < 1e-5);
    assert.equal(speech.voices.length, 2);
    speech.voices.forEach((voice, i) => {
      const expected = embeddings.subarray(i * dim, (i + 1) * dim);
      const difference = greatestDifference(voice.embedding, expected);
      console.log(name, `voice ${i + 1}`, difference);
      assert.ok(difference <= TOLERANCES.embedding, `voice ${i + 1} differs by ${difference}`);
      assert.ok(Math.abs(voice.share - told.shares[i]) < 1e-9);
      const probabilities = [voice.womanProbability ?? -1, told.woman_probabilities[i] ?? -1];
      assert.ok(Math.abs(probabilities[0] - probabilities[1]) <= TOLERANCES.womanProbability);
    });
    // Influence: of each window of Python's, its likeness to the first voice and its middle.
    const [first] = speech.voices;
    const cosines = rows.map((row) => row.reduce((sum, x, i) => sum + x * first.embedding[i], 0));
    assert.ok(greatestDifference(speech.influence.cosines, cosines) <= TOLERANCES.embedding);
    const middles = rows.map((_, i) => times[Math.min(125 * i + 125, times.length - 1)]);
    assert.ok(greatestDifference(speech.influence.timesS, middles) < 1e-5);
    const found = timesOfSpeech(speech.voiced, owners.length, model.description.front_end);
    assert.ok(greatestDifference(found, times) < 1e-5);
    // Attention: of each frame of the first voice, what its moment weighs.
    const startsS = [...times].filter((_, frame) => owners[frame] === 0);
    assert.equal(speech.attention === null, attention.length === 0);
    if (speech.attention) {
      assert.ok(greatestDifference(speech.attention.startsS, startsS) < 1e-5);
      const weights = startsS.map(
        (_, frame) =>
          attention.length * attention[Math.floor((frame * attention.length) / startsS.length)],
      );
      const difference = greatestDifference(speech.attention.weights, weights);
      assert.ok(difference <= TOLERANCES.embedding * attention.length, `${difference}`);
    }
    // The kept frames of the detector, of two frames of speech each, are of their voices.
    const kept = [...speech.voiced.filter(Boolean)];
    assert.deepEqual(
      kept,
      kept.map((_, i) => owners[2 * i] + 1),
    );
  });
}

test("one voice is heard where the cosine is not below the model's threshold", async () => {
  const model = await loadModel(python.index.models[python.index.default_model]);
  const { cosine } = python.index.conversation.models[python.index.default_model];
  for (const [threshold, count] of [
    [cosine - 1e-3, 1],
    [cosine + 1e-3, 2],
    [null, 1],
  ]) {
    model.description.two_voices = threshold;
    const { voices, voiced } = await model.listen(python.pcm("conversation"), true);
    assert.equal(voices.length, count);
    assert.equal(Math.max(...voiced), count);
  }
  // With less speech than ten seconds, nobody asks.
  model.description.two_voices = 1;
  const short = await model.listen(python.pcm("conversation").subarray(0, 11 * 16000), true);
  assert.equal(short.voices.length, 1);
});

test("of a long recording the stretches are used that Python uses", async () => {
  const samples = python.pcm("stretches");
  const { longest_s, spans_s } = python.index.stretches;
  const used = bestStretches(samples, 16000, await loadVoiceActivity(), longest_s);
  const expected = spans_s.flatMap(([from, to]) => [...samples.subarray(from * 16000, to * 16000)]);
  assert.equal(spans_s.flat().length, 6, "three stretches, none beside another");
  assert.equal(used.wholeS, samples.length / 16000);
  assert.ok(Buffer.from(used.samples.buffer).equals(Buffer.from(Int16Array.from(expected).buffer)));
  const short = bestStretches(samples, 16000, await loadVoiceActivity());
  assert.equal(short.samples, samples);
});
