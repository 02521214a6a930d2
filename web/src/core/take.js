/** A take of the microphone, growing. */

import { columns } from "./overview.js";
import { Resampler, toInt16 } from "./resample.js";

/** @typedef {import("./description.js").FrontEnd} FrontEnd */

export class Take {
  /**
   * @param {number} sampleRateHz of the microphone
   * @param {FrontEnd} settings
   */
  constructor(sampleRateHz, settings) {
    this._settings = settings;
    this._resampler = new Resampler(sampleRateHz, settings.sample_rate_hz);
    this._samples = new Int16Array(settings.sample_rate_hz);
    this._length = 0;
    this._shown = 0;
  }

  /**
   * Take samples, and give what is new to draw: whole columns.
   *
   * @param {Float32Array} samples
   */
  push(samples) {
    this._add(this._resampler.push(samples));
    const { hop_length, frame_length } = this._settings;
    const whole = Math.max(0, Math.floor((this._length - frame_length) / hop_length) + 1);
    const count = Math.max(0, whole - this._shown);
    const waveform = this._samples.subarray(0, this._length);
    const fresh = columns(waveform, this._shown, count, hop_length, this._settings);
    this._shown += count;
    return fresh;
  }

  /** Give the whole take, at the front end's rate. */
  finish() {
    this._add(this._resampler.finish());
    return this._samples.slice(0, this._length);
  }

  /** @param {Float32Array} samples */
  _add(samples) {
    const length = this._length + samples.length;
    if (length > this._samples.length) {
      const longer = new Int16Array(Math.max(length, 2 * this._samples.length));
      longer.set(this._samples);
      this._samples = longer;
    }
    this._samples.set(toInt16(samples), this._length);
    this._length = length;
  }
}
