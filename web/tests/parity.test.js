/** The same samples and seed give the same embedding and faces as in Python. */

import assert from "node:assert/strict";
import { after, test } from "node:test";

import { EXAMPLES, frontEndName, golden } from "./golden.js";
import { compute, loadModel } from "./in_node.js";
import { TOLERANCES, compare } from "./parity.js";

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
