/** Files to samples, by what the browser can decode. */

/** All of a recording is decoded into memory: an hour takes 230 MB a channel. */
const LONGEST_S = 3600;

/**
 * @param {Blob} file
 * @param {number} sampleRateHz
 * @returns {Promise<Float32Array[]>} channels, of 1 at full scale
 */
export async function decode(file, sampleRateHz) {
  const content = await file.arrayBuffer();
  if (!content.byteLength) throw new Error("The file is empty.");
  let audio;
  try {
    audio = await new OfflineAudioContext(1, 1, sampleRateHz).decodeAudioData(content);
  } catch {
    throw new Error(
      "This browser cannot decode the file. Give a recording as WAV, MP3, M4A, FLAC, Ogg or WebM.",
    );
  }
  if (audio.duration > LONGEST_S) {
    throw new Error(`The recording is longer than ${LONGEST_S / 60} minutes.`);
  }
  return Array.from({ length: audio.numberOfChannels }, (_, i) => audio.getChannelData(i));
}
