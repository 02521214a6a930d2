/** The game of the book: its gradients, and that its two losses do what the book says of them. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { CELLS, Game, WORLDS, density, jensenShannon, sigmoid } from "../src/figures/game.js";
import { Perceptron } from "../src/figures/perceptron.js";

/** Play until the generator has made as many steps. @param {Game} game @param {number} turns */
function play(game, turns) {
  while (game.turns < turns) game.turn();
  return game.measure();
}

test("the gradients are those that small changes of each parameter and input show", () => {
  const network = new Perceptron([2, 5, 4, 1], 3, 0);
  const inputs = Float64Array.of(0.3, -1.2, 2, 0.7, -0.4, 0.1);
  // The sum of the squared outputs, whose slope in an output is twice the output.
  const loss = () => network.forward(inputs)[3].reduce((sum, out) => sum + out * out, 0);
  const batches = network.forward(inputs);
  const { parameters, inputs: ofInputs } = network.backward(
    batches,
    batches[3].map((out) => 2 * out),
  );
  const small = 1e-6;
  const arrays = [...network.parameters, inputs];
  [...parameters, ofInputs].forEach((slopes, k) => {
    slopes.forEach((slope, i) => {
      const before = arrays[k][i];
      arrays[k][i] = before + small;
      const above = loss();
      arrays[k][i] = before - small;
      const below = loss();
      arrays[k][i] = before;
      assert.ok(Math.abs((above - below) / (2 * small) - slope) < 1e-5 * (1 + Math.abs(slope)));
    });
  });
});

for (const seed of [1, 2, 3]) {
  test(`seed ${seed}: the non-saturating game converges`, () => {
    const end = play(new Game({ saturating: false, seed }), 600);
    assert.ok(end.divergence < 0.06, `divergence ${end.divergence}`);
    assert.ok(end.accuracy < 0.7, `accuracy ${end.accuracy}`);
    // At the optimum of D, V is 2 JSD - log 4.
    assert.ok(Math.abs(end.value + Math.log(4)) < 0.25, `value ${end.value}`);
  });

  test(`seed ${seed}: the saturating game stalls from the same start`, () => {
    const game = new Game({ saturating: true, seed });
    const end = play(game, 600);
    assert.ok(end.divergence > 0.65, `divergence ${end.divergence}`);
    assert.ok(end.accuracy > 0.98, `accuracy ${end.accuracy}`);
    assert.ok(game.gradientG < 0.01, `gradient ${game.gradientG}`);
  });
}

test("the same seed gives the same match, another seed another", () => {
  const points = [1, 1, 2].map((seed) => {
    const game = new Game({ seed, headStart: 5 });
    play(game, 5);
    return [...game.fake(4, 0)];
  });
  assert.deepEqual(points[0], points[1]);
  assert.notDeepEqual(points[0], points[2]);
});

test("the Jensen-Shannon divergence is 0 of equal densities, log 2 of those that do not meet", () => {
  const [a, b] = [density(Float64Array.of(-3, -3)), density(Float64Array.of(3, 3))];
  assert.ok(Math.abs(a.reduce((sum, one) => sum + one, 0) - 1) < 1e-12);
  assert.equal(jensenShannon(a, a), 0);
  assert.ok(Math.abs(jensenShannon(a, b) - Math.log(2)) < 1e-9);
  // By hand: p = (1/2, 1/2), q = (1, 0), mean (3/4, 1/4).
  const byHand = (Math.log(2 / 3) / 2 + Math.log(2) / 2 + Math.log(4 / 3)) / 2;
  assert.ok(
    Math.abs(jensenShannon(Float64Array.of(0.5, 0.5), Float64Array.of(1, 0)) - byHand) < 1e-12,
  );
});

test("real points lie where their world says", () => {
  for (const world of Object.keys(WORLDS)) {
    const { centres, spread } = WORLDS[world];
    const points = new Game({ world }).real(3000, 7);
    const counts = centres.map(() => 0);
    for (let i = 0; i < points.length; i += 2) {
      const distances = centres.map(([x, y]) => Math.hypot(points[i] - x, points[i + 1] - y));
      counts[distances.indexOf(Math.min(...distances))]++;
      assert.ok(Math.min(...distances) < 5 * spread);
    }
    for (const count of counts) assert.ok(Math.abs(count / 3000 - 1 / centres.length) < 0.04);
  }
  assert.equal(density(Float64Array.of(0, 0)).length, CELLS * CELLS);
  assert.equal(sigmoid(0), 0.5);
});
