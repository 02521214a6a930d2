/** What `model.json` says of a bundle; the format is in docs/architecture.md. */

/**
 * Settings of the audio front end; see src/voice2face/audio/settings.py.
 *
 * @typedef {object} FrontEnd
 * @property {number} sample_rate_hz
 * @property {number} vad_mode
 * @property {number} vad_frame_ms
 * @property {number} vad_padding_frames
 * @property {number} min_speech_s
 * @property {number} frame_length
 * @property {number} hop_length
 * @property {number} n_fft
 * @property {number} n_mels
 * @property {number} f_min_hz
 * @property {number} f_max_hz
 * @property {number} preemphasis
 * @property {number} log_floor
 * @property {number} min_frames
 * @property {number | null} band_range_db
 */

/**
 * A logistic regression on the speaker embedding.
 *
 * @typedef {{ axis: number[], scale: number, bias: number, margin: number }} GenderEvidence
 */

/**
 * A map from speaker embeddings to noise; see src/voice2face/runtime/voice_noise.py.
 *
 * @typedef {object} VoiceNoise
 * @property {number[]} woman
 * @property {number[]} man
 * @property {[number[], number[]]} directions
 * @property {3 | 4} sectors
 */

/**
 * @typedef {object} Description
 * @property {number} format
 * @property {string} name
 * @property {FrontEnd} front_end
 * @property {number} embedding_dim
 * @property {number} image_size_px
 * @property {number} crop_frames
 * @property {number} jitter
 * @property {"fixed" | "stretched"} pixel_range
 * @property {Record<string, string>} files SHA-256 of each file, in hexadecimal
 * @property {Record<string, any>} card
 * @property {number} noise_dim
 * @property {GenderEvidence | null} gender
 * @property {VoiceNoise | null} voice_noise
 * @property {boolean} marked whether pictures get the imperceptible mark
 * @property {{ threshold: number, false_refusal: number, false_acceptance: number } | null} speech
 * @property {{ threshold: number, most: number } | null} redraw when a face is generated again
 * @property {boolean} attention whether the voice encoder also gives what each moment weighs
 * @property {number | null} two_voices cosine of two voices below which more than one person speaks
 */

const FORMAT = 6;

/**
 * Check the content of a `model.json`, and bring it up to the newest format.
 *
 * @param {any} content
 * @returns {Description}
 */
export function readDescription(content) {
  if (!(Number.isInteger(content?.format) && content.format >= 1 && content.format <= FORMAT)) {
    throw new Error(
      `model.json has format ${content?.format}; this page reads formats 1 to ${FORMAT}`,
    );
  }
  const older = {
    noise_dim: 0,
    gender: null,
    speech: null,
    voice_noise: null,
    two_voices: null,
    redraw: null,
    attention: false,
    marked: true,
  };
  return {
    ...older,
    ...content,
    format: FORMAT,
    voice_noise: content.voice_noise ? { sectors: 4, ...content.voice_noise } : null,
    front_end: { band_range_db: null, ...content.front_end },
  };
}
