/** Prints states of the book's game as JSON, for docs/pictures/understand.py. */

import { CELLS, Game, REACH } from "../src/figures/game.js";

const AT = [0, 60, 600];

const states = [false, true].flatMap((saturating) => {
  const game = new Game({ saturating });
  while (game.leadLeft) game.turn();
  return AT.map((turns) => {
    while (game.turns < turns) game.turn();
    const { accuracy, divergence } = game.measure();
    const cells = Float64Array.from({ length: 2 * CELLS * CELLS }, (_, i) => {
      const cell = i % 2 ? Math.floor(i / 2 / CELLS) : Math.floor(i / 2) % CELLS;
      return ((cell + 0.5) / CELLS) * 2 * REACH - REACH;
    });
    const [real, fake] = [game.real(120, -1), game.fake(120, -1)];
    const surface = game.judge(cells);
    return {
      saturating,
      turns,
      accuracy,
      divergence,
      real: [...real],
      fake: [...fake],
      surface: [...surface],
    };
  });
});
console.log(JSON.stringify({ cells: CELLS, reach: REACH, states }));
