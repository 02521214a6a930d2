/** Files that the page gives away: a recording as WAV, and pictures with what they are in them. */

export const CAPTION = "Imagined faces, not a likeness of the speaker.";

/**
 * Write a recording as WAV: 16 bits, one channel.
 *
 * @param {Int16Array} samples
 * @param {number} sampleRateHz
 */
export function wav(samples, sampleRateHz) {
  const bytes = new Uint8Array(44 + 2 * samples.length);
  const view = new DataView(bytes.buffer);
  const text = (/** @type {number} */ at, /** @type {string} */ value) =>
    bytes.set(new TextEncoder().encode(value), at);
  text(0, "RIFF");
  view.setUint32(4, bytes.length - 8, true);
  text(8, "WAVEfmt ");
  view.setUint32(16, 16, true);
  view.setUint16(20, 1, true); // PCM
  view.setUint16(22, 1, true); // channels
  view.setUint32(24, sampleRateHz, true);
  view.setUint32(28, 2 * sampleRateHz, true);
  view.setUint16(32, 2, true);
  view.setUint16(34, 16, true);
  text(36, "data");
  view.setUint32(40, 2 * samples.length, true);
  samples.forEach((sample, i) => view.setInt16(44 + 2 * i, sample, true));
  return bytes;
}

/**
 * Say in a PNG that its faces are imagined, as images/sheet.py does.
 *
 * @param {Uint8Array} png
 */
export function markPng(png) {
  const afterHeader = 8 + 25; // signature and IHDR
  return join(
    png.subarray(0, afterHeader),
    textChunk("Description", CAPTION),
    textChunk("Software", "voice2face"),
    png.subarray(afterHeader),
  );
}

/**
 * Say in a GIF's comment that its faces are imagined.
 *
 * @param {Uint8Array} gif
 */
export function markGif(gif) {
  const comment = new TextEncoder().encode(`${CAPTION} voice2face`);
  const extension = Uint8Array.of(0x21, 0xfe, comment.length, ...comment, 0);
  // After the header, the screen's description and the palette.
  const palette = gif[10] & 0x80 ? 3 << ((gif[10] & 7) + 1) : 0;
  return join(gif.subarray(0, 13 + palette), extension, gif.subarray(13 + palette));
}

/** @param {string} keyword @param {string} value */
function textChunk(keyword, value) {
  const content = new TextEncoder().encode(`tEXt${keyword}\0${value}`);
  const chunk = new Uint8Array(content.length + 8);
  const view = new DataView(chunk.buffer);
  view.setUint32(0, content.length - 4);
  chunk.set(content, 4);
  view.setUint32(content.length + 4, crc32(content));
  return chunk;
}

/** @param {Uint8Array} bytes */
function crc32(bytes) {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return ~crc >>> 0;
}

/** @param {...Uint8Array} parts */
function join(...parts) {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
