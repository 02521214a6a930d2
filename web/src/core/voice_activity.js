/** Voice activity detection: which frames of a waveform carry speech, as audio/vad.py decides. */

import createFvad from "@echogarden/fvad-wasm";

/** @typedef {import("./description.js").FrontEnd} FrontEnd */

/** The WebRTC detector (BSD), compiled to WebAssembly. */
export class VoiceActivity {
  /** @param {any} module */
  constructor(module) {
    this._module = module;
  }

  /** @param {Uint8Array | ArrayBuffer} wasm fvad.wasm */
  static async load(wasm) {
    return new VoiceActivity(await createFvad({ wasmBinary: wasm }));
  }

  /**
   * Find the frames that belong to voiced stretches.
   *
   * At every new frame the detector is asked about each frame of the ring, the older ones again:
   * it has a memory, and asking only once keeps other samples than the published system does.
   *
   * @param {Int16Array} waveform
   * @param {FrontEnd} settings `sample_rate_hz` and the `vad_*` fields are used
   * @returns {Uint8Array} (frames) 1 for the frames to keep
   */
  voicedFrames(waveform, settings) {
    const size = samplesPerFrame(settings);
    const nFrames = Math.max(0, Math.floor((2 * waveform.length - 1) / (2 * size)));
    const threshold = 0.9 * settings.vad_padding_frames;
    const keep = new Uint8Array(nFrames);
    /** @type {number[]} */
    let ring = [];
    let voiced = false;
    let start = 0;
    this._withDetector(settings, size, (isSpeech) => {
      for (let index = 0; index < nFrames; index++) {
        ring.push(index);
        if (ring.length > settings.vad_padding_frames) ring.shift();
        let nSpeech = 0;
        for (const frame of ring) {
          nSpeech += isSpeech(waveform.subarray(frame * size, (frame + 1) * size));
        }
        if (!voiced && nSpeech > threshold) {
          voiced = true;
          start = index + 1 - ring.length;
          ring = [];
        } else if (voiced && ring.length - nSpeech > threshold) {
          voiced = false;
          keep.fill(1, start, index + 1);
          ring = [];
        }
      }
    });
    if (voiced) keep.fill(1, start);
    return keep;
  }

  /**
   * Ask the detector once about each frame, in their order.
   *
   * @param {Int16Array[]} frames of 10, 20 or 30 ms
   * @param {number} sample_rate_hz
   * @param {number} vad_mode
   * @returns {Uint8Array} (frames) 1 for those with speech
   */
  areSpeech(frames, sample_rate_hz, vad_mode) {
    const answers = new Uint8Array(frames.length);
    if (!frames.length) return answers;
    this._withDetector({ sample_rate_hz, vad_mode }, frames[0].length, (isSpeech) =>
      frames.forEach((frame, i) => (answers[i] = isSpeech(frame))),
    );
    return answers;
  }

  /**
   * @param {Pick<FrontEnd, "sample_rate_hz" | "vad_mode">} settings
   * @param {number} size
   * @param {(ask: (samples: Int16Array) => number) => void} use
   */
  _withDetector(settings, size, use) {
    const module = this._module;
    const detector = module._fvad_new();
    const buffer = module._malloc(2 * size);
    try {
      module._fvad_set_mode(detector, settings.vad_mode);
      module._fvad_set_sample_rate(detector, settings.sample_rate_hz);
      use((samples) => {
        module.HEAP16.set(samples, buffer / 2);
        return module._fvad_process(detector, buffer, size);
      });
    } finally {
      module._free(buffer);
      module._fvad_free(detector);
    }
  }
}

/** Samples of a frame of the detector. @param {FrontEnd} settings */
export function samplesPerFrame(settings) {
  return (settings.sample_rate_hz * settings.vad_frame_ms) / 1000;
}

/**
 * Join the kept frames end to end.
 *
 * @param {Int16Array} waveform
 * @param {Uint8Array} keep of `voicedFrames`
 * @param {FrontEnd} settings
 */
export function voicedWaveform(waveform, keep, settings) {
  const size = samplesPerFrame(settings);
  const voiced = new Int16Array(size * keep.reduce((sum, kept) => sum + kept, 0));
  let at = 0;
  keep.forEach((kept, index) => {
    if (!kept) return;
    voiced.set(waveform.subarray(index * size, (index + 1) * size), at);
    at += size;
  });
  return voiced;
}
