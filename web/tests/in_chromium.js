/** The app's own worker in Chromium, called as the page calls it. */

/**
 * Compute in the page's worker what golden.py does of recordings.
 *
 * @param {import("playwright-core").Page} page opened
 * @param {Int16Array[]} recordings each is followed by the next, and the last by the first
 * @param {any} index of golden.py
 */
export async function computeInChromium(page, recordings, index) {
  const texts = recordings.map((pcm) => Buffer.from(pcm.buffer).toString("base64"));
  const results = await page.evaluate(workOn, { texts, index });
  return results.map((result) => ({
    ...result,
    bands: Float32Array.from(result.bands),
    embedding: Float32Array.from(result.embedding),
    faces: result.faces.map((face) => Uint8ClampedArray.from(face)),
    morph: result.morph.map((face) => Uint8ClampedArray.from(face)),
  }));
}

/**
 * Runs in the page.
 *
 * @param {{ texts: string[], index: any }} given samples in base64
 */
async function workOn({ texts, index }) {
  const script = await (await fetch("worker.js")).blob();
  const source = new Blob([script], { type: "text/javascript" });
  const worker = new Worker(URL.createObjectURL(source));
  const call = (/** @type {string} */ name, /** @type {unknown[]} */ ...given) =>
    new Promise((resolve, reject) => {
      worker.onmessage = ({ data }) => {
        if (data.requests) return;
        if (data.error) reject(new Error(data.error.message));
        else resolve(data.value);
      };
      worker.postMessage({ id: 0, name, given });
    });
  const content = async (/** @type {string} */ name) => (await fetch(name)).arrayBuffer();
  const description = await (await fetch("model/model.json")).json();
  const networks = {};
  for (const name of Object.keys(description.files)) {
    networks[name] = await content(`model/${name}`);
  }
  const [runtime, vad] = [await content("ort-wasm-simd-threaded.wasm"), await content("fvad.wasm")];
  await call("load", { runtime, vad, description, networks });

  const sampling = { seed: index.seed, truncation: index.truncation };
  const recordings = texts.map((text) => {
    const bytes = Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
    return new Int16Array(bytes.buffer);
  });
  const results = [];
  for (const [number, pcm] of recordings.entries()) {
    const times = {};
    let began = performance.now();
    const lap = (/** @type {string} */ name) => {
      times[name] = performance.now() - began;
      began = performance.now();
    };
    const speech = await call("listen", "first", pcm, true);
    const voice = { ...speech, ...speech.voices[0] };
    lap("listen_ms");
    const faces = [];
    for (let i = 0; i < index.samples; i++) faces.push(await call("face", "first", i, sampling));
    lap("faces_ms");
    await call("listen", "second", recordings[(number + 1) % recordings.length], true);
    const morph = await call("morph", "first", "second", index.morph_steps, sampling);
    results.push({
      ...voice,
      voices: null,
      voiced: null,
      bands: Array.from(voice.bands),
      embedding: Array.from(voice.embedding),
      faces: faces.map((face) => Array.from(face)),
      morph: morph.map((face) => Array.from(face)),
      times,
    });
  }
  worker.terminate();
  return results;
}
