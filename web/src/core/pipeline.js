/** The pipeline: 16 kHz samples -> speaker embedding -> faces, as runtime/pipeline.py goes. */

import { toPixels } from "./bundle.js";
import { heard, onSide, probabilityOfWoman } from "./gender.js";
import { cyclicFrames, logMel, normaliseBands } from "./log_mel.js";
import { dot, unit } from "./numbers.js";
import { angle, isWoman, noise, slerp, stretch } from "./sampling.js";
import { samplesPerFrame, voicedWaveform } from "./voice_activity.js";
import { place, weights } from "./voice_noise.js";
import {
  HOP_FRAMES,
  LEAST_FRAMES,
  WINDOW_FRAMES,
  cosineOfTwo,
  divide,
  partOf,
  whose,
  windowsOf,
} from "./voices.js";

/** @typedef {import("./bundle.js").Bundle} Bundle */
/** @typedef {import("./description.js").FrontEnd} FrontEnd */
/** @typedef {import("./voice_activity.js").VoiceActivity} VoiceActivity */

/**
 * A recording, listened to.
 *
 * @typedef {object} Speech
 * @property {number} durationS
 * @property {number} speechS
 * @property {Uint8Array} voiced for each frame of the voice activity detector 0 where it was left
 *   out, else 1 more than the number of the voice
 * @property {number | null} speechProbability null: the model does not tell
 * @property {Voice[]} voices who speaks most is first; two where two are heard
 * @property {{ timesS: Float64Array, cosines: Float32Array }} influence of each two and a half
 *   seconds of speech their middle in the recording, and the cosine with the first voice
 * @property {{ startsS: Float64Array, frameS: number, weights: Float32Array } | null} attention of
 *   each frame of the first voice its start in the recording, and what it weighs, as a multiple of
 *   the mean; null: all weigh alike
 */

/**
 * What a model takes from a recording, or from one person's part of it.
 *
 * @typedef {object} Voice
 * @property {number} share of the recording's speech
 * @property {Float32Array} bands (frames, n_mels) normalised log-mel spectrogram
 * @property {Float32Array} embedding of unit length
 * @property {number | null} womanProbability null: the model does not tell
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
   * Take the voices from a recording.
   *
   * @param {Int16Array} waveform at the front end's sample rate
   * @param {boolean} [force] go on where it does not sound like a person speaking
   * @returns {Promise<Speech>}
   */
  async listen(waveform, force = false) {
    const { front_end: settings, speech } = this.description;
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
    const nMels = settings.n_mels;
    const windows = await windowsOf(bands, nMels, (cut) => this.bundle.embed(cut));
    const owners = this._whose(windows, bands.length / nMels);
    const parts = [bands];
    if (owners.includes(1)) {
      parts[0] = partOf(bands, nMels, owners, 0);
      parts.push(partOf(bands, nMels, owners, 1));
    }
    /** @type {Voice[]} */
    const voices = [];
    for (const part of parts) voices.push(await this._voice(part, bands));
    const times = timesOfSpeech(voiced, owners.length, settings);
    return {
      durationS,
      speechS,
      voiced: numbered(voiced, owners, settings),
      speechProbability: logit === null ? null : 0.5 + 0.5 * Math.tanh(logit / 2),
      voices,
      influence: {
        timesS: Float64Array.from(windows, (_, i) => times[middleOf(i, owners.length)]),
        cosines: Float32Array.from(windows, (one) => dot(one, voices[0].embedding)),
      },
      attention: await this._attention(
        voices[0],
        times.filter((_, frame) => owners[frame] === 0),
      ),
    };
  }

  /**
   * @param {Voice} voice
   * @param {Float64Array} startsS of the voice's frames
   */
  async _attention(voice, startsS) {
    const { hop_length, sample_rate_hz } = this.description.front_end;
    const moments = await this.bundle.attention(voice.bands);
    if (!moments) return null;
    const count = moments.length;
    const weights = Float32Array.from(
      startsS,
      (_, frame) => count * moments[Math.floor((frame * count) / startsS.length)],
    );
    return { startsS, frameS: hop_length / sample_rate_hz, weights };
  }

  /**
   * Tell whose each frame of the speech is: all are of voice 0 unless two voices are heard.
   *
   * @param {Float32Array[]} windows
   * @param {number} nFrames
   */
  _whose(windows, nFrames) {
    const { two_voices: threshold } = this.description;
    if (threshold !== null && nFrames >= LEAST_FRAMES) {
      const division = divide(windows, nFrames, 2);
      if (cosineOfTwo(division) < threshold) return whose(division);
    }
    return new Uint8Array(nFrames);
  }

  /**
   * Embed all that a voice says.
   *
   * @param {Float32Array} bands (frames, n_mels) of the voice
   * @param {Float32Array} all (frames, n_mels) of the recording
   * @returns {Promise<Voice>}
   */
  async _voice(bands, all) {
    const { front_end: settings, gender, voice_noise } = this.description;
    const nFrames = Math.max(bands.length / settings.n_mels, settings.min_frames);
    const embedding = await this.bundle.embed(cyclicFrames(bands, settings.n_mels, 0, nFrames));
    const womanProbability = gender && probabilityOfWoman(gender, embedding);
    return {
      share: bands.length / all.length,
      bands,
      embedding,
      womanProbability,
      place: voice_noise && place(voice_noise, embedding, womanProbability),
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
    const weights = this._weights(voice, index, sampling);
    return this._pixels((await this._unbroken(condition, index, sampling, weights)).face);
  }

  /**
   * Generate the faces on the way from one voice to another: the noise is that of one face, or where
   * it follows from the voice, or the ends' faces were generated again, changes steadily.
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
    const { redraw } = await this._unbroken(conditions[0], index, sampling, start);
    const { redraw: other } = await this._unbroken(conditions[steps - 1], index, sampling, stop);
    const ends = [
      this._noise(index, sampling, start, redraw),
      this._noise(index, sampling, stop, other),
    ];
    const turn = slerp(Float64Array.of(1, 0), Float64Array.of(0, 1), steps);
    for (const [step, condition] of conditions.entries()) {
      const [one, two] = turn[step];
      const noises =
        redraw === other
          ? this._noise(index, sampling, between && between[step], redraw)
          : ends[0].map((value, i) => one * value + two * ends[1][i]);
      yield this._pixels(await this.bundle.draw(condition, noises));
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
    const map = this.description.voice_noise;
    return place && map && weights(place, angle(seed, index), map.sectors);
  }

  /**
   * Generate a face, again while it looks broken; and tell how often.
   *
   * @param {Float32Array} condition
   * @param {number} index
   * @param {Sampling} sampling
   * @param {Float64Array | null} weights
   */
  async _unbroken(condition, index, sampling, weights) {
    const { threshold, most } = this.description.redraw ?? { threshold: Infinity, most: 0 };
    const draw = (/** @type {number} */ redraw) =>
      this.bundle.draw(condition, this._noise(index, sampling, weights, redraw));
    let face = await draw(0);
    let logit = (await this.bundle.artifactLogit(face)) ?? -Infinity;
    let redraw = 0;
    for (let number = 1; logit > threshold && number <= most; number++) {
      const again = await draw(number);
      const found = (await this.bundle.artifactLogit(again)) ?? -Infinity;
      if (found < logit) [face, logit, redraw] = [again, found, number];
    }
    return { face, redraw };
  }

  /**
   * @param {number} index
   * @param {Sampling} sampling
   * @param {ArrayLike<number> | null} weights
   * @param {number} redraw how many times the face was generated before
   */
  _noise(index, { seed, truncation }, weights, redraw) {
    const scale = Math.fround(truncation);
    const drawn = noise(seed, index, this.description.noise_dim, weights, redraw);
    return drawn.map((value) => value * scale);
  }

  /** @param {Float32Array} face as the generator gives it */
  _pixels(face) {
    return toPixels(face, this.description.pixel_range);
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

/** Frame in the middle of a window. @param {number} window @param {number} nFrames */
function middleOf(window, nFrames) {
  const middle = window * HOP_FRAMES + Math.floor(Math.min(WINDOW_FRAMES, nFrames) / 2);
  return Math.min(middle, nFrames - 1);
}

/**
 * Tell where in a recording each frame of its speech begins, in seconds.
 *
 * @param {Uint8Array} voiced of each frame of the detector, whether it was kept
 * @param {number} nFrames of the spectrogram
 * @param {FrontEnd} settings
 */
export function timesOfSpeech(voiced, nFrames, settings) {
  const size = samplesPerFrame(settings);
  const kept = keptFrames(voiced);
  return Float64Array.from({ length: nFrames }, (_, k) => {
    // The last frame begins where the speech ends.
    const sample = Math.min(k * settings.hop_length, kept.length * size - 1);
    const place = kept[Math.floor(sample / size)] * size + (sample % size);
    return place / settings.sample_rate_hz;
  });
}

/**
 * Number the kept frames of the detector by their voices, from 1.
 *
 * @param {Uint8Array} voiced
 * @param {Uint8Array} owners of each frame of the spectrogram
 * @param {FrontEnd} settings
 */
function numbered(voiced, owners, settings) {
  const marked = new Uint8Array(voiced.length);
  const perFrame = samplesPerFrame(settings) / settings.hop_length;
  keptFrames(voiced).forEach((frame, i) => (marked[frame] = 1 + owners[Math.floor(i * perFrame)]));
  return marked;
}

/** @param {Uint8Array} voiced */
const keptFrames = (voiced) => Array.from(voiced.keys()).filter((frame) => voiced[frame]);
