/** Small functions on arrays of numbers that several modules share. */

/** Round to the nearest integer, halves to the even one, as NumPy does. @param {number} x */
export function roundHalfEven(x) {
  const down = Math.floor(x);
  const rest = x - down;
  if (rest !== 0.5) return rest < 0.5 ? down : down + 1;
  return down % 2 === 0 ? down : down + 1;
}

/** @param {ArrayLike<number>} a @param {ArrayLike<number>} b */
export function dot(a, b) {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i];
  return sum;
}

/** Scale to unit length. @param {ArrayLike<number>} a */
export function unit(a) {
  const length = Math.sqrt(dot(a, a));
  return Float32Array.from(a, (value) => value / length);
}

/**
 * Interpolate linearly between the sorted values.
 *
 * @param {Float32Array | Float64Array} values
 * @param {number} percent
 */
export function percentile(values, percent) {
  const sorted = values.slice().sort();
  const place = (percent / 100) * (sorted.length - 1);
  const below = Math.floor(place);
  const above = Math.min(below + 1, sorted.length - 1);
  return sorted[below] + (place - below) * (sorted[above] - sorted[below]);
}
