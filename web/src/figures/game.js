/**
 * The game of Goodfellow et al. (2014, arXiv 1406.2661) on points of a plane: a generator and a
 * discriminator learn in turn, by plain gradient descent.
 */

import { normals, uniforms } from "../core/random.js";
import { Perceptron } from "./perceptron.js";

/** Half the width of the square that is looked at. */
export const REACH = 4;
/** Cells of a density along each axis. */
export const CELLS = 40;
/** Width of the Gaussian that a sample is smoothed with, in the plane's unit. */
const SMOOTHING = 0.35;
const BATCH = 64;
const NOISE_DIM = 2;
/** Where the generated points begin: so far from the real ones that D tells all of them. */
const START = [-3, -2.6];
/** Points that a density and an accuracy are estimated from. */
const SAMPLE = 400;

const Purpose = Object.freeze({ D: 20, G: 21, CHOICE: 22, DATA: 23, NOISE: 24 });

/**
 * Where the real points are: the centres of equally probable round clouds.
 *
 * @type {Record<string, { centres: [number, number][], spread: number }>}
 */
export const WORLDS = {
  one: { centres: [[1.5, 1]], spread: 0.5 },
  two: {
    centres: [
      [-1.5, 1.2],
      [1.5, 1.2],
    ],
    spread: 0.4,
  },
  ring: {
    centres: Array.from({ length: 6 }, (_, i) => [
      2 * Math.cos((i * Math.PI) / 3),
      2 * Math.sin((i * Math.PI) / 3),
    ]),
    spread: 0.3,
  },
};

/**
 * @typedef {object} Rules
 * @property {string} world a key of WORLDS
 * @property {boolean} saturating whether G descends log(1 - D(G(z))), or else -log D(G(z))
 * @property {number} k steps of D for one of G
 * @property {number} rateD step length of D
 * @property {number} rateG
 * @property {number} headStart steps that D learns before G begins
 * @property {number} seed
 */

/** @type {Rules} */
export const RULES = {
  world: "one",
  saturating: false,
  k: 3,
  rateD: 0.1,
  rateG: 0.01,
  headStart: 300,
  seed: 1,
};

/** @param {number} logit */
export const sigmoid = (logit) => 1 / (1 + Math.exp(-logit));

/** One match, from its first step on; the same rules give the same match. */
export class Game {
  /** @param {Partial<Rules>} [rules] */
  constructor(rules = {}) {
    this.rules = { ...RULES, ...rules };
    const { seed } = this.rules;
    this.discriminator = new Perceptron([2, 24, 24, 1], seed, Purpose.D);
    this.generator = new Perceptron([NOISE_DIM, 24, 2], seed, Purpose.G);
    const last = this.generator.layers[this.generator.layers.length - 1];
    last.weights.forEach((weight, i) => (last.weights[i] = weight / 3));
    last.biases.set(START);
    /** Steps of the generator. */
    this.turns = 0;
    /** Length of the gradient in G's parameters at its last step. */
    this.gradientG = 0;
    this._draws = 0;
    this._leadLeft = this.rules.headStart;
  }

  /** Steps that the discriminator still learns alone. */
  get leadLeft() {
    return this._leadLeft;
  }

  /** One turn: k steps of the discriminator, then one of the generator, if it may begin. */
  turn() {
    if (this._leadLeft > 0) {
      this._leadLeft--;
      return this._learnD();
    }
    for (let step = 0; step < this.rules.k; step++) this._learnD();
    this._learnG();
    this.turns++;
  }

  /** Draw real points. @param {number} n @param {number} index of the draw */
  real(n, index) {
    const { world, seed } = this.rules;
    const { centres, spread } = WORLDS[world];
    const which = uniforms(seed, Purpose.CHOICE, index, n);
    return normals(seed, Purpose.DATA, index, 2 * n).map(
      (value, i) => spread * value + centres[Math.ceil(which[i >> 1] * centres.length) - 1][i % 2],
    );
  }

  /** Draw inputs of the generator. @param {number} n @param {number} index of the draw */
  noise(n, index) {
    return normals(this.rules.seed, Purpose.NOISE, index, NOISE_DIM * n);
  }

  /** Generated points. @param {number} n @param {number} index of the draw */
  fake(n, index) {
    return outputs(this.generator.forward(this.noise(n, index)));
  }

  /** Probability of each point to be real. @param {Float64Array} points (n, 2) */
  judge(points) {
    return outputs(this.discriminator.forward(points)).map(sigmoid);
  }

  _learnD() {
    const real = this.discriminator.forward(this.real(BATCH, this._draws));
    const fake = this.discriminator.forward(this.fake(BATCH, this._draws++));
    // Slopes of -log D(x) and of -log(1 - D(x)) in the logit of x.
    const ofReal = outputs(real).map((logit) => (sigmoid(logit) - 1) / BATCH);
    const ofFake = outputs(fake).map((logit) => sigmoid(logit) / BATCH);
    const { parameters } = this.discriminator.backward(real, ofReal);
    const others = this.discriminator.backward(fake, ofFake).parameters;
    parameters.forEach((slopes, k) => slopes.forEach((_, i) => (slopes[i] += others[k][i])));
    this.discriminator.descend(parameters, this.rules.rateD);
  }

  _learnG() {
    const drawn = this.generator.forward(this.noise(BATCH, this._draws++));
    const judged = this.discriminator.forward(outputs(drawn));
    const slopes = outputs(judged).map((logit) => {
      const probability = sigmoid(logit);
      return (this.rules.saturating ? -probability : probability - 1) / BATCH;
    });
    const ofPoints = this.discriminator.backward(judged, slopes).inputs;
    const { parameters } = this.generator.backward(drawn, ofPoints);
    this.gradientG = Math.sqrt(
      parameters.reduce((sum, all) => all.reduce((below, one) => below + one * one, sum), 0),
    );
    this.generator.descend(parameters, this.rules.rateG);
  }

  /**
   * Measure the state, on points that nobody learns from.
   *
   * @returns {{ accuracy: number, value: number, divergence: number, realDensity: Float64Array,
   *   fakeDensity: Float64Array }} share of right answers of D; V(D, G); Jensen-Shannon divergence
   *   of the two smoothed densities in nats, 0 to log 2; and these (CELLS, CELLS), each of sum 1
   */
  measure() {
    const real = this.real(SAMPLE, -1);
    const fake = this.fake(SAMPLE, -1);
    const [ofReal, ofFake] = [this.judge(real), this.judge(fake)];
    const right =
      ofReal.reduce((sum, one) => sum + Number(one > 0.5), 0) +
      ofFake.reduce((sum, one) => sum + Number(one <= 0.5), 0);
    const log = (/** @type {number} */ x) => Math.log(Math.max(x, 1e-12));
    const value =
      ofReal.reduce((sum, one) => sum + log(one), 0) / SAMPLE +
      ofFake.reduce((sum, one) => sum + log(1 - one), 0) / SAMPLE;
    const [realDensity, fakeDensity] = [density(real), density(fake)];
    const divergence = jensenShannon(realDensity, fakeDensity);
    return { accuracy: right / (2 * SAMPLE), value, divergence, realDensity, fakeDensity };
  }
}

/** @param {Float64Array[]} batches */
const outputs = (batches) => batches[batches.length - 1];

/** Middle of a cell. @param {number} cell */
export const middle = (cell) => ((cell + 0.5) / CELLS) * 2 * REACH - REACH;

/**
 * Smooth points to a density on the cells; what lies beyond the square counts at its edge.
 *
 * @param {Float64Array} points (n, 2)
 * @returns {Float64Array} (CELLS, CELLS), rows from below, of sum 1
 */
export function density(points) {
  const cells = new Float64Array(CELLS * CELLS);
  const along = [new Float64Array(CELLS), new Float64Array(CELLS)];
  for (let i = 0; i < points.length; i += 2) {
    along.forEach((profile, axis) => {
      const place = Math.min(Math.max(points[i + axis], -REACH), REACH);
      for (let cell = 0; cell < CELLS; cell++) {
        profile[cell] = Math.exp(-(((middle(cell) - place) / SMOOTHING) ** 2) / 2);
      }
    });
    for (let row = 0; row < CELLS; row++) {
      for (let column = 0; column < CELLS; column++) {
        cells[row * CELLS + column] += along[0][column] * along[1][row];
      }
    }
  }
  const sum = cells.reduce((total, one) => total + one, 0);
  return cells.map((one) => one / sum);
}

/**
 * Jensen-Shannon divergence of two densities on the same cells, in nats.
 *
 * @param {Float64Array} p of sum 1
 * @param {Float64Array} q of sum 1
 */
export function jensenShannon(p, q) {
  let sum = 0;
  for (let i = 0; i < p.length; i++) {
    const mean = (p[i] + q[i]) / 2;
    if (p[i] > 0) sum += (p[i] * Math.log(p[i] / mean)) / 2;
    if (q[i] > 0) sum += (q[i] * Math.log(q[i] / mean)) / 2;
  }
  return sum;
}
