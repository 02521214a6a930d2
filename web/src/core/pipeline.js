/** The pipeline: 16 kHz samples -> speaker embedding -> faces, as runtime/pipeline.py goes. */

import { heard, onSide, probabilityOfWoman } from "./gender.js";
import { cyclicFrames, logMel, normaliseBands } from "./log_mel.js";
import { unit } from "./numbers.js";
import { angle, isWoman, noise, slerp, stretch } from "./sampling.js";
import { voicedWaveform } from "./voice_activity.js";
import { place, weights } from "./voice_noise.js";

/** @typedef {import("./bundle.js").Bundle} Bundle */
/** @typedef {import("./voice_activity.js").VoiceActivity} VoiceActivity */

/**
 * What a model takes from a recording.
 *
 * @typedef {object} Voice
 * @property {number} durationS
 * @property {number} speechS
 * @property {Uint8Array} voiced 1 for each frame of the voice activity detector that was kept
 * @property {Float32Array} bands (frames, n_mels) normalised log-mel spectrogram
 * @property {Float32Array} embedding of unit length
 * @property {number | null} womanProbability null: the model does not tell
 * @property {number | null} speechProbability null: the model does not tell
 * @property {[number, number] | null} place see voice_noise.js; null: noise is the seed's alone
 * @property {string} heard in words; empty where the model does not tell
 */

/** @typedef {{ seed: number | bigint, truncation: number }} Sampling */

/** A recording that no faces are generated for; `code` tells the two reasons apart. */
export class RecordingError extends Error {
  /**
   * @param {"too-little-speech" | "not-speech"} code
   * @param {string} message
   */
  constructor(code, message) {
    super(message);
    this.code = code;
  }
}

/** A model that generates faces for voices. */
export class VoiceToFace {
  /**
   * @param {Bundle} bundle
   * @param {VoiceActivity} voiceActivity
   */
  constructor(bundle, voiceActivity) {
    this.bundle = bundle;
    this._voiceActivity = voiceActivity;
  }

  get description() {
    return this.bundle.description;
  }

  /**
   * Take the voice from a recording.
   *
   * @param {Int16Array} waveform at the front end's sample rate
   * @param {boolean} [force] go on where it does not sound like a person speaking
   * @returns {Promise<Voice>}
   */
  async listen(waveform, force = false) {
    const { front_end: settings, gender, speech, voice_noise } = this.description;
    const durationS = waveform.length / settings.sample_rate_hz;
    const voiced = this._voiceActivity.voicedFrames(waveform, settings);
    const speechWaveform = voicedWaveform(waveform, voiced, settings);
    const speechS = speechWaveform.length / settings.sample_rate_hz;
    if (speechS < settings.min_speech_s) {
      throw new RecordingError(
        "too-little-speech",
        `No speech: ${speechS.toFixed(2)} s of speech found in ${durationS.toFixed(2)} s of ` +
          `sound; at least ${settings.min_speech_s} s of speech is needed.`,
      );
    }
    const bands = normaliseBands(logMel(speechWaveform, settings), settings);
    const logit = await this.bundle.speechLogit(bands);
    if (logit !== null && speech && logit < speech.threshold && !force) {
      throw new RecordingError(
        "not-speech",
        `No speech: this does not sound like a person speaking (score ${logit.toFixed(1)}, ` +
          `at least ${speech.threshold.toFixed(1)} is needed).`,
      );
    }
    const nFrames = Math.max(bands.length / settings.n_mels, settings.min_frames);
    const embedding = await this.bundle.embed(cyclicFrames(bands, settings.n_mels, 0, nFrames));
    const womanProbability = gender && probabilityOfWoman(gender, embedding);
    return {
      durationS,
      speechS,
      voiced,
      bands,
      embedding,
      womanProbability,
      place: voice_noise && place(voice_noise, embedding, womanProbability),
      speechProbability: logit === null ? null : 0.5 + 0.5 * Math.tanh(logit / 2),
      heard: womanProbability === null ? "" : heard(womanProbability),
    };
  }

  /**
   * Generate one face of a voice.
   *
   * @param {Voice} voice
   * @param {number} index number of the face, from 0
   * @param {Sampling} sampling
   * @returns {Promise<Uint8ClampedArray>} (size, size, 4) RGBA
   */
  async face(voice, index, sampling) {
    const { womanProbability: probability } = voice;
    const woman = probability !== null && isWoman(sampling.seed, index, probability);
    const condition = await this._condition(voice, index, sampling, woman);
    return this._render(condition, index, sampling, this._weights(voice, index, sampling));
  }

  /**
   * Generate the faces on the way from one voice to another: the noise is that of one face, or where
   * it follows from the voice changes steadily.
   *
   * @param {Voice} first
   * @param {Voice} last
   * @param {number} steps faces on the way, both ends with them
   * @param {number} index number of the face whose noise is used
   * @param {Sampling} sampling
   */
  async *morph(first, last, steps, index, sampling) {
    const end = (/** @type {Voice} */ voice) =>
      this._condition(voice, index, sampling, (voice.womanProbability ?? 0) > 0.5);
    const conditions = slerp(await end(first), await end(last), steps);
    const [start, stop] = [first, last].map((voice) => this._weights(voice, index, sampling));
    const between = start && stop && slerp(start, stop, steps);
    for (const [step, condition] of conditions.entries()) {
      yield this._render(condition, index, sampling, between && between[step]);
    }
  }

  /**
   * Weigh the noises of a face by the voice, where they follow from it.
   *
   * @param {Voice} voice
   * @param {number} index
   * @param {Sampling} sampling
   */
  _weights({ place }, index, { seed }) {
    return place && weights(place, angle(seed, index));
  }

  /**
   * @param {Float32Array} condition
   * @param {number} index
   * @param {Sampling} sampling
   * @param {Float64Array | null} weights
   */
  _render(condition, index, { seed, truncation }, weights) {
    const scale = Math.fround(truncation);
    const drawn = noise(seed, index, this.description.noise_dim, weights);
    return this.bundle.face(
      condition,
      drawn.map((value) => value * scale),
    );
  }

  /**
   * Give the embedding that a face is generated from: that of the whole recording where the
   * generator takes noise or for face 0, else that of a random stretch, with the noise that
   * training adds; brought to the side of its gender, where the model tells.
   *
   * @param {Voice} voice
   * @param {number} index
   * @param {Sampling} sampling
   * @param {boolean} woman
   */
  async _condition(voice, index, { seed, truncation }, woman) {
    const { noise_dim, embedding_dim, crop_frames, jitter, gender, front_end } = this.description;
    let embedding = voice.embedding;
    if (index && !noise_dim) {
      const nFrames = voice.bands.length / front_end.n_mels;
      const random = stretch(seed, index, nFrames, embedding_dim);
      const bands = cyclicFrames(voice.bands, front_end.n_mels, random.start, crop_frames);
      const part = await this.bundle.embed(bands);
      embedding = unit(
        part.map(
          (value, i) =>
            truncation * value +
            (1 - truncation) * voice.embedding[i] +
            truncation * jitter * random.jitter[i],
        ),
      );
    }
    return gender ? onSide(gender, embedding, woman) : embedding;
  }
}
