/** The game of two networks in the plane, trained while one watches. */

import { begin, whenShownAnew } from "../page/drawing.js";
import { button, canvas, choice, make, replacePicture } from "./figure.js";
import { CELLS, Game, REACH, middle } from "./game.js";

/** Time that learning may take of each picture. */
const BUDGET_MS = 12;
/** Turns between two measurements. */
const MEASURED_EVERY = 10;

const world = choice(
  "Real points",
  [
    ["one", "one cloud"],
    ["two", "two clouds"],
    ["ring", "a ring of six"],
  ],
  restart,
);
const loss = choice(
  "Loss of G",
  [
    ["non-saturating", "non-saturating"],
    ["saturating", "saturating"],
  ],
  restart,
);
const steps = choice(
  "Steps of D",
  [
    ["3", "k = 3"],
    ["1", "k = 1"],
    ["5", "k = 5"],
  ],
  restart,
);
const seed = make("input", { type: "number", min: "1", max: "999", value: "1", onchange: restart });
const play = button("Start", toggle);
const points = canvas("The plane with points, and what D thinks of each place", "square");
const densities = canvas("Densities of real and generated points", "square");
const history = canvas("Right answers of D, and divergence, over the turns");
const told = make("p", { className: "figures", role: "status" });

let game = new Game();
let runs = false;
/** @type {{ accuracy: number, divergence: number }[]} */
let past = [];

function restart() {
  game = new Game({
    world: world.select.value,
    saturating: loss.select.value === "saturating",
    k: Number(steps.select.value),
    seed: Math.max(1, Math.round(Number(seed.value)) || 1),
  });
  past = [];
  draw();
}

function toggle() {
  runs = !runs;
  play.textContent = runs ? "Pause" : "Go on";
  if (runs) requestAnimationFrame(frame);
}

function frame() {
  if (!runs) return;
  const end = performance.now() + BUDGET_MS;
  do {
    const before = game.turns;
    game.turn();
    if (game.turns !== before && game.turns % MEASURED_EVERY === 0) break;
  } while (performance.now() < end);
  if (game.turns % MEASURED_EVERY === 0) draw();
  requestAnimationFrame(frame);
}

function draw() {
  const state = game.measure();
  if (game.turns / MEASURED_EVERY >= past.length) past.push(state);
  drawPoints();
  drawDensities(state);
  drawHistory();
  const lead = game.leadLeft ? ` D learns alone, for ${game.leadLeft} more steps.` : "";
  told.textContent =
    `Turn ${game.turns}. D is right in ${(100 * state.accuracy).toFixed(0)} % of cases. ` +
    `JSD of the drawn densities: ${state.divergence.toFixed(2)} (0: equal; 0.69: apart). ` +
    `V: ${state.value.toFixed(2)}. Length of G's gradient: ${game.gradientG.toExponential(1)}.` +
    lead;
}

/**
 * Draw a picture of the cells over a whole canvas.
 *
 * @param {HTMLCanvasElement} on
 * @param {(cell: number) => [number, number, number, number]} colour RGBA of a cell, rows from below
 */
function drawCells(on, colour) {
  const { context, width, height, colour: named } = begin(on);
  const image = new ImageData(CELLS, CELLS);
  for (let cell = 0; cell < CELLS * CELLS; cell++) {
    const row = CELLS - 1 - Math.floor(cell / CELLS);
    image.data.set(colour(cell), 4 * (row * CELLS + (cell % CELLS)));
  }
  const small = new OffscreenCanvas(CELLS, CELLS);
  /** @type {OffscreenCanvasRenderingContext2D} */ (small.getContext("2d")).putImageData(
    image,
    0,
    0,
  );
  context.drawImage(small, 0, 0, width, height);
  return { context, width, height, named };
}

function drawPoints() {
  const places = Float64Array.from({ length: 2 * CELLS * CELLS }, (_, i) =>
    middle(i % 2 ? Math.floor(i / 2 / CELLS) : Math.floor(i / 2) % CELLS),
  );
  const surface = game.judge(places);
  // Blue where D says real, red where it says generated, clear at one half.
  const { context, width, height, named } = drawCells(points, (cell) => {
    const sure = 2 * surface[cell] - 1;
    return sure > 0 ? [70, 130, 210, 150 * sure] : [215, 90, 40, -150 * sure];
  });
  for (const [drawn, name] of /** @type {[Float64Array, string][]} */ ([
    [game.real(150, -1), "--real"],
    [game.fake(150, -1), "--fake"],
  ])) {
    context.fillStyle = named(name);
    for (let i = 0; i < drawn.length; i += 2) {
      context.beginPath();
      const [x, y] = [(drawn[i] + REACH) / 2 / REACH, (REACH - drawn[i + 1]) / 2 / REACH];
      context.arc(x * width, y * height, 2.2, 0, 2 * Math.PI);
      context.fill();
    }
  }
}

/** @param {{ realDensity: Float64Array, fakeDensity: Float64Array }} state */
function drawDensities({ realDensity, fakeDensity }) {
  const strength = (/** @type {Float64Array} */ density) => {
    const most = density.reduce((a, b) => Math.max(a, b), 0);
    return (/** @type {number} */ cell) => Math.sqrt(density[cell] / most);
  };
  const [real, fake] = [strength(realDensity), strength(fakeDensity)];
  // Blue for real, red for generated, violet where they agree.
  drawCells(densities, (cell) => {
    const [r, f] = [real(cell), fake(cell)];
    const sum = r + f + 1e-9;
    return [
      (40 * r + 225 * f) / sum,
      (110 * r + 80 * f) / sum,
      (215 * r + 30 * f) / sum,
      255 * Math.max(r, f),
    ];
  });
}

function drawHistory() {
  const { context, width, height, colour } = begin(history);
  const x = (/** @type {number} */ i) => (i / Math.max(60, past.length)) * width;
  const y = (/** @type {number} */ share) => height - 2 - share * (height - 4);
  context.fillStyle = colour("--line");
  context.fillRect(0, y(0.5), width, 1);
  const lines = /** @type {[string, number[]][]} */ ([
    ["--real", past.map(({ accuracy }) => accuracy)],
    ["--fake", past.map(({ divergence }) => divergence / Math.log(2))],
  ]);
  context.lineWidth = 2;
  for (const [name, values] of lines) {
    context.strokeStyle = colour(name);
    context.beginPath();
    values.forEach((value, i) => context.lineTo(x(i), y(value)));
    context.stroke();
  }
}

replacePicture(
  "game",
  "A game of two networks in the plane",
  make(
    "div",
    { className: "controls" },
    play,
    button("Begin again", restart),
    world.label,
    loss.label,
    steps.label,
    make("label", {}, "Seed", seed),
  ),
  make(
    "div",
    { className: "two" },
    make(
      "div",
      {},
      points,
      make("p", {}, "Points: real blue, generated red. Behind: what D says."),
    ),
    make("div", {}, densities, make("p", {}, "The same as densities; violet where they agree.")),
  ),
  told,
  history,
  make(
    "p",
    {},
    "Over the turns: right answers of D (blue; the line is one half), and JSD as a share of log 2 (red).",
  ),
);
whenShownAnew([points, densities, history], draw);
