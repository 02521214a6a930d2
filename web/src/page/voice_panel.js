/** One voice on the page: how it is given, what is heard of it, and its faces. */

import { wav } from "../core/files.js";
import { told } from "../core/gender.js";
import { decode } from "./decode.js";
import { EmbeddingDrawing, SoundDrawing } from "./drawing.js";
import { RefusedError } from "./engine.js";
import { LONGEST_TAKE_S, Recorder } from "./recorder.js";
import { save } from "./save.js";
import { sheetPng, showFace } from "./sheet.js";

/** @typedef {import("./engine.js").Engine} Engine */
/** @typedef {import("./engine.js").Face} Face */
/** @typedef {import("../core/pipeline.js").Sampling} Sampling */
/** @typedef {import("../core/pipeline.js").Speech} Speech */
/** @typedef {import("../core/pipeline.js").Voice} Voice */

/**
 * What a panel needs of the page.
 *
 * @typedef {object} Page
 * @property {Engine} engine
 * @property {(text: string) => void} tell shown, and read aloud by a screen reader
 * @property {() => void} given called when a recording was given
 * @property {() => void} changed called when the voice was taken, or is gone
 * @property {() => { count: number, sampling: Sampling }} settings
 */

export class VoicePanel {
  /**
   * @param {Page} page
   * @param {string} slot name of the voice in the engine
   * @param {string} title
   */
  constructor(page, slot, title) {
    this._page = page;
    this.slot = slot;
    const template = /** @type {HTMLTemplateElement} */ (document.getElementById("voice-template"));
    const fragment = /** @type {DocumentFragment} */ (template.content.cloneNode(true));
    this.root = /** @type {HTMLElement} */ (fragment.querySelector("section"));
    /** @type {Voice | null} */
    this.voice = null;
    /** @type {Speech | null} */
    this._speech = null;
    /** In words. */
    this._told = "";
    /** @type {Face[]} */
    this._faces = [];
    /** @type {number | bigint} */
    this._seed = 0;
    /** @type {Recorder | null} */
    this._recorder = null;
    /** @type {Int16Array} */
    this._samples = new Int16Array();
    this._wholeS = 0;
    this._name = "";
    // Counts what was begun: what is no longer the last does not show its faces.
    this._begun = 0;
    this._label(title);
    this._sound = new SoundDrawing(
      this._canvas(".waveform"),
      this._canvas(".spectrogram"),
      this._canvas(".influence"),
    );
    this._embedding = new EmbeddingDrawing(this._canvas(".embedding"));
    this._listen();
  }

  /** @param {string} title */
  _label(title) {
    const heading = this._find("h2");
    heading.textContent = title;
    heading.id = `${this.slot}-title`;
    this.root.setAttribute("aria-labelledby", heading.id);
    this._find("input").id = `${this.slot}-file`;
    this._find("label").setAttribute("for", `${this.slot}-file`);
  }

  /** React to buttons, files and what is dropped. */
  _listen() {
    for (const control of this.root.querySelectorAll("button, input")) {
      /** @type {HTMLButtonElement} */ (control).disabled = false;
    }
    this._find(".record").onclick = () => this._guard(this._toggleRecording());
    const file = /** @type {HTMLInputElement} */ (this._find("input"));
    file.onchange = () => {
      if (file.files?.length) this._guard(this._useFile(file.files[0]));
      file.value = ""; // so that the same file can be chosen again
    };
    for (const button of this.root.querySelectorAll(".example")) {
      const name = /** @type {HTMLElement} */ (button).dataset.file ?? "";
      /** @type {HTMLElement} */ (button).onclick = () => this._guard(this._useExample(name));
    }
    this._find(".anyway").onclick = () => this._guard(this._hear(true));
    this._find(".save-png").onclick = () => this._guard(this._savePng());
    this._find(".save-take").onclick = () => {
      const { sample_rate_hz } = this._page.engine.description.front_end;
      save(wav(this._samples, sample_rate_hz), "audio/wav", "voice.wav");
    };
    this._listenToDrops();
  }

  _listenToDrops() {
    const over = (/** @type {boolean} */ on) => this.root.classList.toggle("over", on);
    this.root.ondragover = (event) => {
      event.preventDefault();
      over(true);
    };
    this.root.ondragleave = () => over(false);
    this.root.ondrop = (event) => {
      event.preventDefault();
      over(false);
      const file = event.dataTransfer?.files[0];
      if (file) this._guard(this._useFile(file));
    };
  }

  /** Tell what goes wrong. @param {Promise<void>} done */
  async _guard(done) {
    try {
      await done;
    } catch (error) {
      const { message } = /** @type {Error} */ (error);
      this._forget();
      this._find(".error").hidden = false;
      this._find(".error p").textContent = message;
      const refused = error instanceof RefusedError && error.code === "not-speech";
      this._find(".anyway").hidden = !refused;
      this._page.tell("");
    }
  }

  async _toggleRecording() {
    if (this._recorder) return this._stopRecording();
    const { engine, given, tell } = this._page;
    let length = 0;
    const hear = async (/** @type {Float32Array} */ samples) => {
      if (!this._recorder) return;
      length += samples.length;
      this._sound.add(await engine.pushTake(samples));
      if (this._recorder && length > LONGEST_TAKE_S * this._recorder.sampleRateHz) {
        await this._guard(this._stopRecording());
      }
    };
    this._begin("the microphone");
    this._recorder = await Recorder.open(hear).catch((error) => {
      throw new Error(`The microphone cannot be used: ${error.message}.`);
    });
    given();
    await engine.beginTake(this._recorder.sampleRateHz);
    this._find(".sound").hidden = false;
    this._showRecording(true);
    tell("Recording. Speak for a few seconds, then press Stop.");
  }

  async _stopRecording() {
    const recorder = this._recorder;
    this._recorder = null;
    this._showRecording(false);
    await recorder?.close();
    this._samples = await this._page.engine.endTake();
    this._wholeS = 0;
    this._find(".save-take").hidden = false;
    await this._hear(false);
  }

  /** @param {boolean} on */
  _showRecording(on) {
    const button = this._find(".record");
    button.textContent = on ? "Stop" : "Record";
    button.classList.toggle("recording", on);
  }

  /** @param {string} name */
  async _useExample(name) {
    const response = await fetch(`examples/${name}`);
    if (!response.ok) throw new Error(`The example cannot be loaded (${response.status}).`);
    await this._useFile(new File([await response.blob()], name));
  }

  /** @param {File} file */
  async _useFile(file) {
    if (this._recorder) throw new Error("Stop the recording first.");
    const { engine, given, tell } = this._page;
    given();
    this._begin(file.name);
    tell(`Decoding ${file.name}`);
    const channels = await decode(file, engine.description.front_end.sample_rate_hz);
    const { samples, wholeS } = await engine.mix(channels);
    this._samples = samples;
    this._wholeS = wholeS;
    await this._hear(false);
  }

  /** Clear the panel for another recording. @param {string} name */
  _begin(name) {
    this._name = name;
    this._samples = new Int16Array();
    this._sound.clear();
    this._forget();
    this._find(".save-take").hidden = true;
    this._find(".error").hidden = true;
    this._find(".anyway").hidden = true;
  }

  /** Have no voice. */
  _forget() {
    this._begun++;
    this.voice = null;
    this._speech = null;
    this._find(".result").hidden = true;
    this._find(".over-time").hidden = true;
    this._find(".second").hidden = true;
    this._page.changed();
  }

  /** Take the voice from the samples. @param {boolean} force */
  async _hear(force) {
    const { engine, tell } = this._page;
    const begun = ++this._begun;
    this._find(".error").hidden = true;
    this._find(".sound").hidden = false;
    tell("Listening to the recording");
    this._sound.clear();
    this._sound.add(await engine.overview(this._samples));
    const speech = await engine.listen(this.slot, this._samples, force);
    if (begun !== this._begun) return;
    this._show(speech);
    await this._choose(speech, 0);
  }

  /** Take one of the voices. @param {Speech} speech @param {number} number */
  async _choose(speech, number) {
    this._begun++;
    this._speech = speech;
    this.voice = speech.voices[number];
    this._told = told(speech.voices, number);
    const several = speech.voices.length > 1 ? "two voices or more; " : "";
    this._find(".heard").textContent = several + this._told;
    this._find(".result figcaption").textContent =
      `Speaker embedding: what the network keeps of the voice, ${this.voice.embedding.length} numbers`;
    this._embedding.draw(this.voice.embedding);
    await this._page.engine.choose(this.slot, number);
    await this.generate();
    this._page.changed();
  }

  /** Offer the voices of a recording. @param {Speech} speech */
  _offer(speech) {
    const several = speech.voices.length > 1;
    this._find(".which").hidden = !several;
    this._find(".second").hidden = !several;
    const choices = speech.voices.map((_, number) => {
      const label = document.createElement("label");
      const input = document.createElement("input");
      input.type = "radio";
      input.name = `${this.slot}-which`;
      input.checked = !number;
      input.onchange = () => this._guard(this._choose(speech, number));
      label.append(input, ` ${told(speech.voices, number)}`);
      return label;
    });
    this._find(".choices").replaceChildren(...choices);
  }

  /** @param {Speech} speech */
  _show(speech) {
    const { durationS, speechS, speechProbability, voiced, influence, attention } = speech;
    this._find(".result").hidden = false;
    const used =
      this._wholeS > durationS
        ? `the ${durationS.toFixed(1)} s with the clearest speech, of ${this._wholeS.toFixed(1)} s`
        : `${durationS.toFixed(1)} s`;
    const person =
      speechProbability === null
        ? ""
        : `; a person speaks: ${Math.min(Math.round(100 * speechProbability), 99)} %`;
    this._find(".speech").textContent = `${speechS.toFixed(1)} s of speech in ${used}${person}`;
    this._offer(speech);
    this._find(".over-time").hidden = influence.timesS.length < 2 && !attention;
    this._find(".attention").hidden = !attention;
    const frameS = this._page.engine.description.front_end.vad_frame_ms / 1000;
    this._sound.mark(voiced, frameS, influence, attention);
    const voicedShare = Math.round((100 * speechS) / durationS);
    this._canvas(".waveform").setAttribute(
      "aria-label",
      `Waveform of ${durationS.toFixed(1)} seconds, ${voicedShare} % of it voiced`,
    );
    const [least, most] = [Math.min(...influence.cosines), Math.max(...influence.cosines)];
    this._canvas(".influence").setAttribute(
      "aria-label",
      `Likeness to the voice over time, from ${least.toFixed(2)} to ${most.toFixed(2)}`,
    );
  }

  /** Generate the faces of the voice anew. */
  async generate() {
    if (!this.voice) return;
    const begun = ++this._begun;
    const { engine, settings, tell } = this._page;
    const { count, sampling } = settings();
    const list = this._find(".faces");
    const canvases = Array.from({ length: count }, (_, i) => {
      const canvas = document.createElement("canvas");
      canvas.setAttribute("role", "img");
      canvas.setAttribute("aria-label", `Imagined face ${i + 1} of ${count}`);
      return canvas;
    });
    list.replaceChildren(
      ...canvases.map((canvas) => {
        const item = document.createElement("li");
        item.append(canvas);
        return item;
      }),
    );
    tell("Generating faces");
    /** @type {Face[]} */
    const faces = [];
    for (const canvas of canvases) {
      const face = await engine.face(this.slot, faces.length, sampling);
      if (begun !== this._begun) return;
      showFace(canvas, face, engine.origin(sampling.seed));
      faces.push(face);
    }
    this._faces = faces;
    this._seed = sampling.seed;
    const generated = `${count} ${count === 1 ? "face" : "faces"} generated`;
    tell([generated, this._told].filter(Boolean).join(": "));
  }

  async _savePng() {
    if (!this._speech) return;
    const title = `${this._name}   (${this._speech.speechS.toFixed(1)} s of speech)`;
    const heard = this._find(".heard").textContent ?? "";
    const lines = [title, heard].filter(Boolean);
    const png = await sheetPng(this._faces, lines, this._page.engine.origin(this._seed));
    save(png, "image/png", "faces.png");
  }

  /** @param {string} selector @returns {HTMLElement} */
  _find(selector) {
    return /** @type {HTMLElement} */ (this.root.querySelector(selector));
  }

  /** @param {string} selector */
  _canvas(selector) {
    return /** @type {HTMLCanvasElement} */ (this._find(selector));
  }
}
