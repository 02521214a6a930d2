/** Several channels to one, as src/voice2face/audio/decode.py does. */

/** A mean of channels that has less than this share of one channel's power has cancelled it. */
const CANCELLED = 0.01;

/**
 * Give the mean of the channels; where they cancel each other, the strongest of them.
 *
 * @param {Float32Array[]} channels
 * @returns {Float32Array}
 */
export function mix(channels) {
  if (channels.length === 1) return channels[0];
  const mean = channels[0].map(
    (_, i) => channels.reduce((sum, channel) => sum + channel[i], 0) / channels.length,
  );
  const powers = channels.map(power);
  const greatest = Math.max(...powers);
  return power(mean) < CANCELLED * greatest ? channels[powers.indexOf(greatest)] : mean;
}

/** @param {Float32Array} samples */
const power = (samples) => samples.reduce((sum, sample) => sum + sample * sample, 0);
