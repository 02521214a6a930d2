/** The microphone. */

/** A take ends by itself after this time. */
export const LONGEST_TAKE_S = 120;

export class Recorder {
  /** @param {MediaStream} stream @param {AudioContext} context */
  constructor(stream, context) {
    this._stream = stream;
    this._context = context;
    this.sampleRateHz = context.sampleRate;
  }

  /**
   * Ask for the microphone, and hear it as it is: without the browser's own changes to the voice.
   *
   * @param {(samples: Float32Array) => void} hear called with samples of 1 at full scale
   * @param {string} [address] where to find capture.js
   */
  static async open(hear, address = "capture.js") {
    const audio = { channelCount: 1, echoCancellation: false, noiseSuppression: false };
    const stream = await navigator.mediaDevices.getUserMedia({ audio });
    const context = new AudioContext();
    await context.audioWorklet.addModule(address);
    const capture = new AudioWorkletNode(context, "capture", { numberOfOutputs: 0 });
    capture.port.onmessage = ({ data }) => hear(data);
    context.createMediaStreamSource(stream).connect(capture);
    await context.resume();
    return new Recorder(stream, context);
  }

  async close() {
    for (const track of this._stream.getTracks()) track.stop();
    await this._context.close();
  }
}
