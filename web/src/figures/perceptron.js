/** A small multi-layer perceptron with its gradients written out, and stochastic gradient descent. */

import { normals } from "../core/random.js";

/** Slope of the units below 0. */
const LEAK = 0.2;

/**
 * Layers of weights and biases; leaky rectified units between them, none after the last.
 *
 * A batch is a Float64Array (n, width), row after row.
 */
export class Perceptron {
  /**
   * @param {number[]} widths of the input, the hidden layers and the output
   * @param {number} seed
   * @param {number} stream keeps the numbers of one network apart from another's
   */
  constructor(widths, seed, stream) {
    this.widths = widths;
    this.layers = widths.slice(1).map((out, i) => {
      const from = widths[i];
      const scale = Math.sqrt(2 / from);
      const weights = normals(seed, stream, i, from * out).map((value) => scale * value);
      return { from, out, weights, biases: new Float64Array(out) };
    });
  }

  /**
   * Compute the outputs of a batch.
   *
   * @param {Float64Array} inputs (n, widths[0])
   * @returns {Float64Array[]} the batch before each layer, and last the outputs
   */
  forward(inputs) {
    const batches = [inputs];
    this.layers.forEach(({ from, out, weights, biases }, index) => {
      const given = batches[index];
      const n = given.length / from;
      const result = new Float64Array(n * out);
      for (let row = 0; row < n; row++) {
        for (let j = 0; j < out; j++) {
          let sum = biases[j];
          for (let i = 0; i < from; i++) sum += weights[j * from + i] * given[row * from + i];
          const isLast = index === this.layers.length - 1;
          result[row * out + j] = isLast || sum > 0 ? sum : LEAK * sum;
        }
      }
      batches.push(result);
    });
    return batches;
  }

  /**
   * Go back through the layers by the chain rule.
   *
   * @param {Float64Array[]} batches of `forward`
   * @param {Float64Array} slopes (n, out) of the loss in each output
   * @returns {{ parameters: Float64Array[], inputs: Float64Array }} slopes of the loss in the
   *   weights and the biases of each layer by turns, and in the inputs
   */
  backward(batches, slopes) {
    /** @type {Float64Array[]} */
    const parameters = [];
    for (let index = this.layers.length - 1; index >= 0; index--) {
      const { from, out, weights } = this.layers[index];
      const given = batches[index];
      const n = given.length / from;
      const ofWeights = new Float64Array(weights.length);
      const ofBiases = new Float64Array(out);
      const below = new Float64Array(n * from);
      for (let row = 0; row < n; row++) {
        for (let j = 0; j < out; j++) {
          const slope = slopes[row * out + j];
          ofBiases[j] += slope;
          for (let i = 0; i < from; i++) {
            ofWeights[j * from + i] += slope * given[row * from + i];
            below[row * from + i] += slope * weights[j * from + i];
          }
        }
      }
      // The units below gave a positive number exactly where their own sum was positive.
      if (index > 0) for (let i = 0; i < below.length; i++) if (given[i] <= 0) below[i] *= LEAK;
      parameters.unshift(ofWeights, ofBiases);
      slopes = below;
    }
    return { parameters, inputs: slopes };
  }

  /** Weights and biases of each layer by turns, as `backward` gives their slopes. */
  get parameters() {
    return this.layers.flatMap(({ weights, biases }) => [weights, biases]);
  }

  /**
   * Step against the slopes.
   *
   * @param {Float64Array[]} slopes
   * @param {number} rate
   */
  descend(slopes, rate) {
    this.parameters.forEach((values, k) => {
      for (let i = 0; i < values.length; i++) values[i] -= rate * slopes[k][i];
    });
  }
}
