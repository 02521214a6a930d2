/** Two voices compared, and the way from one to the other. */

import { dot } from "../core/numbers.js";
import { save } from "./save.js";
import { morphGif, showFace } from "./sheet.js";

/** @typedef {import("./engine.js").Face} Face */
/** @typedef {import("./voice_panel.js").Page} Page */
/** @typedef {import("./voice_panel.js").VoicePanel} VoicePanel */

const byId = (/** @type {string} */ id) => /** @type {any} */ (document.getElementById(id));

export class BothVoices {
  /** @param {Page} page @param {VoicePanel} first @param {VoicePanel} last */
  constructor(page, first, last) {
    this._page = page;
    this._panels = [first, last];
    /** @type {Face[]} */
    this._faces = [];
    this._seed = 0n;
    byId("way").oninput = () => this._showFace();
    byId("save-gif").onclick = () =>
      save(
        morphGif(this._faces, "from one voice to another", this._origin()),
        "image/gif",
        "morph.gif",
      );
  }

  /** Show what there is of the two voices now. */
  async update() {
    const [first, last] = this._panels.map(({ voice }) => voice);
    byId("both").hidden = true;
    if (!first || !last) return;
    const { engine, settings } = this._page;
    const steps = Number(byId("way").max) + 1;
    const { sampling } = settings();
    const faces = await engine.morph("first", "second", steps, sampling);
    if (this._panels[0].voice !== first || this._panels[1].voice !== last) return;
    this._faces = faces;
    this._seed = BigInt(sampling.seed);
    byId("similarity").textContent =
      `Cosine similarity of the two speaker embeddings: ` +
      `${dot(first.embedding, last.embedding).toFixed(2)} (1: the same, 0: unrelated). ` +
      `It does not tell for sure whether one person speaks in both.`;
    byId("both").hidden = false;
    this._showFace();
  }

  _origin() {
    return this._page.engine.origin(this._seed);
  }

  _showFace() {
    const step = Number(byId("way").value);
    if (!this._faces.length) return;
    showFace(byId("morph"), this._faces[step], this._origin());
    const percent = Math.round((100 * step) / (this._faces.length - 1));
    byId("way").setAttribute("aria-valuetext", `${percent} % of the way to the second voice`);
  }
}
