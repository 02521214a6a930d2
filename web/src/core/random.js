/**
 * Random numbers that follow from a seed: the same as src/voice2face/runtime/random_numbers.py
 * gives, where the generator is defined.
 */

const GAMMA = 0x9e3779b97f4a7c15n;

/** What random numbers are for; each purpose has numbers of its own. */
export const Stream = Object.freeze({ NOISE: 0, GENDER: 1, CROP: 2, JITTER: 3, ANGLE: 5, MARK: 6 });

/** @param {bigint} z */
const wrap = (z) => BigInt.asUintN(64, z);

/** @param {bigint} z */
function mix(z) {
  z = wrap((z ^ (z >> 30n)) * 0xbf58476d1ce4e5b9n);
  z = wrap((z ^ (z >> 27n)) * 0x94d049bb133111ebn);
  return z ^ (z >> 31n);
}

/**
 * Give the first random integers of a face, 0 to 2^64 - 1.
 *
 * @param {number | bigint} seed an integer, taken modulo 2^64
 * @param {number} stream
 * @param {number} index number of the face
 * @param {number} count
 * @returns {bigint[]}
 */
export function words(seed, stream, index, count) {
  const step = (/** @type {number} */ n) => BigInt(n + 1) * GAMMA;
  let key = mix(wrap(BigInt(seed) + GAMMA));
  key = mix(wrap(key + step(stream)));
  key = mix(wrap(key + step(index)));
  return Array.from({ length: count }, (_, i) => mix(wrap(key + step(i))));
}

/**
 * Give the first numbers of a face, even in (0, 1]; arguments are those of `words`.
 *
 * @param {number | bigint} seed
 * @param {number} stream
 * @param {number} index
 * @param {number} count
 */
export function uniforms(seed, stream, index, count) {
  const drawn = words(seed, stream, index, count);
  return Float64Array.from(drawn, (word) => (Number(word >> 11n) + 0.5) * 2 ** -53);
}

/**
 * Give the first standard normal numbers of a face; arguments are those of `words`.
 *
 * @param {number | bigint} seed
 * @param {number} stream
 * @param {number} index
 * @param {number} count
 */
export function normals(seed, stream, index, count) {
  const even = uniforms(seed, stream, index, count + (count % 2));
  const numbers = new Float64Array(even.length);
  for (let i = 0; i < even.length; i += 2) {
    const radius = Math.sqrt(-2 * Math.log(even[i]));
    numbers[i] = radius * Math.cos(2 * Math.PI * even[i + 1]);
    numbers[i + 1] = radius * Math.sin(2 * Math.PI * even[i + 1]);
  }
  return numbers.subarray(0, count);
}
