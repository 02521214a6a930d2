/** Hands the microphone's samples to the page, on the audio thread. */

/* global AudioWorkletProcessor, registerProcessor */

const BLOCK = 2048;

// @ts-ignore: known in an AudioWorklet only
class Capture extends AudioWorkletProcessor {
  constructor() {
    super();
    this._block = new Float32Array(BLOCK);
    this._filled = 0;
  }

  /** @param {Float32Array[][]} inputs */
  process([[samples]]) {
    if (!samples) return true;
    this._block.set(samples, this._filled);
    this._filled += samples.length;
    if (this._filled === BLOCK) {
      // @ts-ignore: of AudioWorkletProcessor
      this.port.postMessage(this._block);
      this._filled = 0;
    }
    return true;
  }
}

// @ts-ignore: known in an AudioWorklet only
registerProcessor("capture", Capture);
