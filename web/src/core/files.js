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
 * What made faces: what the marks of pictures tell.
 *
 * @typedef {object} Origin
 * @property {string} version of this program
 * @property {string} model its name
 * @property {number} number see `modelNumber`
 * @property {bigint | number} seed
 * @property {boolean} marked whether pictures get the imperceptible mark
 */

const SOURCE_TYPE = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia";
const NAMESPACE = "urn:voice2face:picture:1";

/** @param {string} text */
function escaped(text) {
  const names = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#x27;" };
  return text.replace(/[&<>"']/g, (one) => names[/** @type {keyof typeof names} */ (one)]);
}

/**
 * Write the metadata that runtime/xmp.py writes.
 *
 * @param {Origin} origin
 */
export function xmpPacket({ version, model, seed }) {
  return (
    '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>' +
    '<x:xmpmeta xmlns:x="adobe:ns:meta/">' +
    '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">' +
    '<rdf:Description rdf:about=""' +
    ' xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/"' +
    ' xmlns:xmp="http://ns.adobe.com/xap/1.0/"' +
    ` xmlns:voice2face="${NAMESPACE}"` +
    ` Iptc4xmpExt:DigitalSourceType="${SOURCE_TYPE}"` +
    ` xmp:CreatorTool="voice2face ${escaped(version)}"` +
    ` voice2face:Model="${escaped(model)}" voice2face:Version="${escaped(version)}"` +
    ` voice2face:Seed="${seed}"/>` +
    '</rdf:RDF></x:xmpmeta><?xpacket end="r"?>'
  );
}

/**
 * Tell whether the XMP in a picture's file says that this program made it.
 *
 * @param {Uint8Array} bytes
 */
export function claimsOurs(bytes) {
  const text = new TextDecoder("latin1").decode(bytes);
  const packet = /<x:xmpmeta\b[^]*?<\/x:xmpmeta>/.exec(text)?.[0] ?? "";
  return /\bxmp:CreatorTool\s*=\s*["']voice2face[ "']|<xmp:CreatorTool>voice2face[ <]/.test(packet);
}

/**
 * Say in a PNG that its faces are imagined, and what made them, as images/sheet.py does.
 *
 * @param {Uint8Array} png
 * @param {Origin} origin
 */
export function markPng(png, origin) {
  const afterHeader = 8 + 25; // signature and IHDR
  return join(
    png.subarray(0, afterHeader),
    textChunk("Description", CAPTION),
    textChunk("Software", "voice2face"),
    chunk("iTXt", `XML:com.adobe.xmp\0\0\0\0\0${xmpPacket(origin)}`),
    png.subarray(afterHeader),
  );
}

/**
 * Say in a GIF that its faces are imagined, and what made them.
 *
 * @param {Uint8Array} gif
 * @param {Origin} origin
 */
export function markGif(gif, origin) {
  const comment = new TextEncoder().encode(`${CAPTION} voice2face`);
  const packet = new TextEncoder().encode(`XMP DataXMP${xmpPacket(origin)}`);
  // The end leads readers that take the text for blocks out of it.
  const ending = Uint8Array.from({ length: 258 }, (_, i) => (i ? Math.max(256 - i, 0) : 1));
  const extension = join(
    Uint8Array.of(0x21, 0xfe, comment.length, ...comment, 0, 0x21, 0xff, 11),
    packet,
    ending,
  );
  // After the header, the screen's description and the palette.
  const palette = gif[10] & 0x80 ? 3 << ((gif[10] & 7) + 1) : 0;
  return join(gif.subarray(0, 13 + palette), extension, gif.subarray(13 + palette));
}

/** @param {string} keyword @param {string} value */
const textChunk = (keyword, value) => chunk("tEXt", `${keyword}\0${value}`);

/** @param {string} kind @param {string} text */
function chunk(kind, text) {
  const content = new TextEncoder().encode(kind + text);
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
