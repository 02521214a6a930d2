/** A recording, stage by stage: what the voice network is given to hear. */

import fvad from "@echogarden/fvad-wasm/fvad.wasm";
import example from "../../../examples/librispeech-3699.flac";

import { mix } from "../core/mix.js";
import { Resampler, toInt16 } from "../core/resample.js";
import { VoiceActivity } from "../core/voice_activity.js";
import { decode } from "../page/decode.js";
import { begin, palette, whenShownAnew } from "../page/drawing.js";
import { Recorder } from "../page/recorder.js";
import { button, canvas, make, replacePicture, slider } from "./figure.js";
import { rangeOf, stagesOf } from "./stages.js";

/** What is looked at of a recording. */
const LONGEST_S = 6;
const RATE = FRONT_END.sample_rate_hz;

/** @type {{ key: "power" | "decibel" | "mel" | "logMel" | "normalised", title: string, text: string }[]} */
const STAGES = [
  {
    key: "power",
    title: "2 Spectrogram: power",
    text: "513 frequencies up to 8 kHz. Nearly all is too weak to be seen.",
  },
  { key: "decibel", title: "3 In decibels", text: "The same, counted in ratios." },
  {
    key: "mel",
    title: "4 Mel: 64 bands",
    text: "Summed up by 64 filters, narrow for low frequencies and wide for high ones.",
  },
  { key: "logMel", title: "5 Log-mel", text: "The logarithm of each band." },
  {
    key: "normalised",
    title: "6 Normalised",
    text: "Each band at mean 0 and deviation 1: this is what the network hears.",
  },
];

const status = make("p", { role: "status" });
const waveformPicture = canvas("Level of the recording over time, with what is speech");
const pictures = STAGES.map(({ title }) => canvas(`${title}, over time`));
const moment = slider("Moment", { min: 0, max: 1000, step: 1, value: 250 }, drawMoment);
const slice = canvas("Spectrum of the frame at this moment, and its mel bands", "middle");
const sliceTold = make("p", { className: "figures" });
const speak = button("Speak", () => void listen().catch(tell));

/** @type {Int16Array<ArrayBufferLike>} */
let waveform = new Int16Array(RATE);
let stages = stagesOf(waveform, FRONT_END);
/** @type {Uint8Array} */
let voiced = new Uint8Array();
/** @type {Recorder | null} */
let recorder = null;
/** @type {Float32Array[]} */
let heard = [];

/** @param {unknown} error */
function tell(error) {
  status.textContent = error instanceof Error ? error.message : String(error);
}

/** Look at another recording. @param {Int16Array} samples @param {string} name */
async function show(samples, name) {
  waveform = samples.subarray(0, LONGEST_S * RATE);
  stages = stagesOf(waveform, FRONT_END);
  const detector = await VoiceActivity.load(fvad);
  voiced = detector.voicedFrames(waveform, FRONT_END);
  const speechS = (voiced.reduce((sum, one) => sum + one, 0) * FRONT_END.vad_frame_ms) / 1000;
  const seconds = waveform.length / RATE;
  status.textContent =
    `${name}: ${seconds.toFixed(1)} s, of which ${speechS.toFixed(1)} s are speech. ` +
    `${stages.frames} frames of ${FRONT_END.n_mels} numbers.`;
  draw();
}

/** @param {Blob} file @param {string} name */
async function open(file, name) {
  status.textContent = "Reading …";
  await show(toInt16(mix(await decode(file, RATE))), name);
}

/** Begin to record, or end it. */
async function listen() {
  if (!recorder) {
    heard = [];
    // No blob: a page opened from a file may not load a worklet of one.
    const address = `data:text/javascript,${encodeURIComponent(CAPTURE)}`;
    recorder = await Recorder.open((samples) => {
      heard.push(samples);
      const count = heard.reduce((sum, one) => sum + one.length, 0);
      if (recorder && count > LONGEST_S * recorder.sampleRateHz) void listen().catch(tell);
    }, address);
    speak.textContent = "Stop";
    status.textContent = `Listening, for ${LONGEST_S} s at most …`;
    return;
  }
  const { sampleRateHz } = recorder;
  const closing = recorder.close();
  recorder = null;
  speak.textContent = "Speak";
  await closing;
  const resampler = new Resampler(sampleRateHz, RATE);
  const parts = [...heard.map((samples) => resampler.push(samples)), resampler.finish()];
  const joined = new Float32Array(parts.reduce((sum, one) => sum + one.length, 0));
  let at = 0;
  for (const part of parts) {
    joined.set(part, at);
    at += part.length;
  }
  await show(toInt16(joined), "Your voice");
}

function draw() {
  drawWaveform();
  STAGES.forEach(({ key }, i) => drawStage(pictures[i], stages[key], key));
  drawMoment();
}

function drawWaveform() {
  const { context, width, height, colour } = begin(waveformPicture);
  const columns = Math.max(1, Math.floor(width));
  const loudest = waveform.reduce((most, one) => Math.max(most, Math.abs(one)), 1);
  const size = (RATE * FRONT_END.vad_frame_ms) / 1000;
  for (let column = 0; column < columns; column++) {
    const from = Math.floor((column / columns) * waveform.length);
    const part = waveform.subarray(from, Math.floor(((column + 1) / columns) * waveform.length));
    const peak = part.reduce((most, one) => Math.max(most, Math.abs(one)), 0) / loudest;
    const isSpeech = voiced[Math.floor(from / size)];
    context.fillStyle = colour(isSpeech ? "--voiced" : "--unvoiced");
    const tall = Math.max(1, peak * (height - 10));
    context.fillRect(column, (height - 8 - tall) / 2, 1, tall);
    if (isSpeech) context.fillRect(column, height - 4, 1, 4);
  }
}

/** @param {HTMLCanvasElement} on @param {Float32Array} values @param {string} key */
function drawStage(on, values, key) {
  const { context, width, height } = begin(on);
  const { frames } = stages;
  const rows = values.length / frames;
  const isEnergy = key === "power" || key === "mel";
  const { least, most } = rangeOf(values, isEnergy ? 0 : 0.02, 0.997);
  const image = new ImageData(frames, rows);
  for (let i = 0; i < values.length; i++) {
    const place = (rows - 1 - (i % rows)) * frames + Math.floor(i / rows);
    image.data.set(palette((values[i] - least) / (most - least || 1)), 4 * place);
  }
  const small = new OffscreenCanvas(frames, rows);
  /** @type {OffscreenCanvasRenderingContext2D} */ (small.getContext("2d")).putImageData(
    image,
    0,
    0,
  );
  context.drawImage(small, 0, 0, width, height);
}

/** Draw the frame at the moment: its spectrum, and the bands as bars. */
function drawMoment() {
  const { context, width, height, colour } = begin(slice);
  const frame = Math.round((Number(moment.input.value) / 1000) * (stages.frames - 1));
  const bins = stages.power.length / stages.frames;
  const { n_mels } = FRONT_END;
  const bands = stages.logMel.subarray(frame * n_mels, (frame + 1) * n_mels);
  const range = rangeOf(stages.logMel, 0, 1);
  context.fillStyle = colour("--unvoiced");
  bands.forEach((band, i) => {
    const share = (band - range.least) / (range.most - range.least || 1);
    context.fillRect((i / n_mels) * width, height, width / n_mels - 1, -share * (height - 4));
  });
  const { least, most } = rangeOf(stages.decibel, 0.02, 1);
  context.strokeStyle = colour("--voiced");
  context.lineWidth = 1.5;
  context.beginPath();
  for (let bin = 0; bin < bins; bin++) {
    const level = (stages.decibel[frame * bins + bin] - least) / (most - least || 1);
    context.lineTo((bin / bins) * width, height - Math.max(0, level) * (height - 4));
  }
  context.stroke();
  const seconds = (frame * FRONT_END.hop_length) / RATE;
  const isSpeech = voiced[Math.floor((1000 * seconds) / FRONT_END.vad_frame_ms)];
  sliceTold.textContent =
    `The 25 ms from ${seconds.toFixed(2)} s on (${isSpeech ? "speech" : "not speech"}). ` +
    "Line: decibels by frequency, 0 to 8 kHz. Bars: the 64 mel bands, 20 to 7,200 Hz.";
}

const file = make("input", { type: "file", accept: "audio/*,video/*" });
file.onchange = () => {
  const chosen = file.files?.[0];
  if (chosen) void open(chosen, chosen.name).catch(tell);
};
const openExample = () => open(new Blob([example]), "The example");

replacePicture(
  "sound",
  "From a recording to what the network hears",
  make(
    "div",
    { className: "controls" },
    button("Example", () => void openExample().catch(tell)),
    speak,
    make("label", {}, "File", file),
  ),
  status,
  make("p", { className: "stage" }, "1 Waveform, and what is speech"),
  waveformPicture,
  make("p", {}, "The bar below marks what the voice activity detector keeps."),
  ...STAGES.flatMap(({ title, text }, i) => [
    make("p", { className: "stage" }, title),
    pictures[i],
    make("p", {}, text),
  ]),
  make("p", { className: "stage" }, "One frame"),
  make("div", { className: "controls" }, moment.label),
  slice,
  sliceTold,
);
whenShownAnew([waveformPicture, ...pictures, slice], draw);
void openExample().catch(tell);
