/** What is drawn of a recording and of its embedding, on canvases as wide as they are shown. */

/** @typedef {import("../core/overview.js").Overview} Overview */
/** @typedef {import("../core/pipeline.js").Speech["influence"]} Influence */
/** @typedef {import("../core/pipeline.js").Speech["attention"]} Attention */

/** Seconds that a drawing shows at least, so that a take grows into it. */
const LEAST_S = 5;
/** A quieter recording than this is drawn small. */
const LEAST_PEAK = 0.02;
/** Levels of the spectrogram are drawn this far below the loudest, in natural logarithm. */
const RANGE = 12;
/** From quiet to loud. @type {[number, number, number][]} */
const COLOURS = [
  [13, 8, 35],
  [81, 18, 124],
  [183, 55, 121],
  [252, 137, 97],
  [252, 253, 191],
];

/** Of parts without speech, and those of each voice. */
const VOICES = ["--unvoiced", "--voiced", "--second"];
const DOT_PX = 3;

/** A recording's level and spectrogram over time, and how like its voice each part is. */
export class SoundDrawing {
  /**
   * @param {HTMLCanvasElement} waveform
   * @param {HTMLCanvasElement} spectrogram
   * @param {HTMLCanvasElement} influence
   */
  constructor(waveform, spectrogram, influence) {
    this._canvases = { waveform, spectrogram, influence };
    /** @type {Overview[]} */
    this._parts = [];
    /** @type {Uint8Array} */
    this._voiced = new Uint8Array();
    this._voicedS = 0;
    /** @type {Influence | null} */
    this._influence = null;
    /** @type {Attention} */
    this._attention = null;
    whenShownAnew([waveform, spectrogram, influence], () => this.draw());
  }

  /** Begin with nothing. */
  clear() {
    this._parts = [];
    /** @type {Uint8Array} */
    this._voiced = new Uint8Array();
    this._influence = this._attention = null;
    this.draw();
  }

  /** Draw more of the recording, which follows on what is drawn. @param {Overview} part */
  add(part) {
    if (part.peaks.length) this._parts.push(part);
    this.draw();
  }

  /**
   * Mark the voiced parts, and each part's influence.
   *
   * @param {Uint8Array} voiced for each frame 0, or 1 more than the number of its voice
   * @param {number} frameS
   * @param {Influence} influence
   * @param {Attention} attention
   */
  mark(voiced, frameS, influence, attention) {
    this._voiced = voiced;
    this._voicedS = frameS;
    this._influence = influence;
    this._attention = attention;
    this.draw();
  }

  draw() {
    const count = this._parts.reduce((sum, { peaks }) => sum + peaks.length, 0);
    const columnS = this._parts[0]?.columnS ?? 1;
    const widthS = Math.max(count * columnS, LEAST_S);
    this._drawWaveform(columnS, widthS);
    this._drawSpectrogram(columnS, widthS);
    this._drawInfluence(widthS);
  }

  /** @param {number} columnS @param {number} widthS */
  _drawWaveform(columnS, widthS) {
    const { context, width, height, colour } = begin(this._canvases.waveform);
    const perS = width / widthS;
    context.fillStyle = colour("--line");
    context.fillRect(0, height / 2, width, 1);
    const loudest = this._parts.reduce((most, { peaks }) => peaks.reduce(larger, most), LEAST_PEAK);
    let time = 0;
    for (const { peaks } of this._parts) {
      for (const peak of peaks) {
        const voiced = this._voiced[Math.floor(time / this._voicedS)] ?? 0;
        context.fillStyle = colour(VOICES[voiced]);
        const tall = Math.max((peak / loudest) * (height - 8), 1);
        context.fillRect(time * perS, (height - tall) / 2, Math.max(columnS * perS, 1), tall);
        // Also told by place, not by colour alone.
        const line = voiced === 1 ? height - 3 : 0;
        if (voiced) context.fillRect(time * perS, line, Math.max(columnS * perS, 1), 3);
        time += columnS;
      }
    }
  }

  /** @param {number} widthS */
  _drawInfluence(widthS) {
    const { context, width, height, colour } = begin(this._canvases.influence);
    if (!this._influence) return;
    const { timesS, cosines } = this._influence;
    const top = DOT_PX + 1;
    context.fillStyle = colour("--line");
    if (this._attention) {
      const { startsS, frameS, weights } = this._attention;
      const most = weights.reduce(larger, 1);
      const wide = Math.max((frameS / widthS) * width, 1);
      startsS.forEach((start, frame) => {
        const tall = (weights[frame] / most) * (height - 2 * top);
        context.fillRect((start / widthS) * width, height - top - tall, wide, tall);
      });
    }
    for (const y of [top, height - top]) context.fillRect(0, y, width, 1);
    context.fillStyle = context.strokeStyle = colour("--voiced");
    context.beginPath();
    const points = Array.from(timesS, (time, i) => {
      // What is opposite to the voice lies on the axis.
      const y = top + (1 - Math.max(cosines[i], 0)) * (height - 2 * top);
      return [(time / widthS) * width, y];
    });
    for (const [x, y] of points) context.lineTo(x, y);
    context.stroke();
    for (const [x, y] of points) {
      context.beginPath();
      context.arc(x, y, DOT_PX, 0, 2 * Math.PI);
      context.fill();
    }
  }

  /** @param {number} columnS @param {number} widthS */
  _drawSpectrogram(columnS, widthS) {
    const { context, width, height } = begin(this._canvases.spectrogram);
    context.fillStyle = `rgb(${COLOURS[0].join()})`;
    context.fillRect(0, 0, width, height);
    const count = this._parts.reduce((sum, { peaks }) => sum + peaks.length, 0);
    if (!count) return;
    const nMels = this._parts[0].bands.length / this._parts[0].peaks.length;
    const image = new ImageData(count, nMels);
    const loudest = this._parts.reduce((most, { bands }) => bands.reduce(larger, most), -Infinity);
    let column = 0;
    for (const { bands } of this._parts) {
      for (let i = 0; i < bands.length; i++) {
        const x = column + Math.floor(i / nMels);
        const y = nMels - 1 - (i % nMels);
        image.data.set(palette(1 - (loudest - bands[i]) / RANGE), 4 * (y * count + x));
      }
      column += bands.length / nMels;
    }
    const picture = new OffscreenCanvas(count, nMels);
    /** @type {OffscreenCanvasRenderingContext2D} */ (picture.getContext("2d")).putImageData(
      image,
      0,
      0,
    );
    context.imageSmoothingEnabled = true;
    context.drawImage(picture, 0, 0, (width * count * columnS) / widthS, height);
  }
}

/** @param {number} a @param {number} b */
const larger = (a, b) => (a > b ? a : b);

/** @param {number} share @returns {[number, number, number, number]} RGBA */
export function palette(share) {
  const place = Math.min(Math.max(share, 0), 1) * (COLOURS.length - 1);
  const below = Math.min(Math.floor(place), COLOURS.length - 2);
  const mixed = (/** @type {number} */ i) =>
    COLOURS[below][i] + (place - below) * (COLOURS[below + 1][i] - COLOURS[below][i]);
  return [mixed(0), mixed(1), mixed(2), 255];
}

/** A speaker embedding, a bar a number. */
export class EmbeddingDrawing {
  /** @param {HTMLCanvasElement} canvas */
  constructor(canvas) {
    this._canvas = canvas;
    /** @type {Float32Array} */
    this._embedding = new Float32Array();
    whenShownAnew([canvas], () => this.draw(this._embedding));
  }

  /** @param {Float32Array} embedding */
  draw(embedding) {
    this._embedding = embedding;
    const { context, width, height, colour } = begin(this._canvas);
    context.fillStyle = colour("--line");
    context.fillRect(0, height / 2, width, 1);
    const largest = embedding.reduce((most, value) => Math.max(most, Math.abs(value)), 1e-6);
    const step = width / embedding.length;
    context.fillStyle = colour("--voiced");
    embedding.forEach((value, i) => {
      const tall = (value / largest) * (height / 2 - 2);
      context.fillRect(
        i * step,
        height / 2 - Math.max(tall, 0),
        Math.max(step - 1, 1),
        Math.abs(tall),
      );
    });
  }
}

/**
 * Make a canvas as large as it is shown, and empty.
 *
 * @param {HTMLCanvasElement} canvas
 */
export function begin(canvas) {
  const ratio = window.devicePixelRatio;
  canvas.width = Math.max(1, Math.round(canvas.clientWidth * ratio));
  canvas.height = Math.max(1, Math.round(canvas.clientHeight * ratio));
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  context.scale(ratio, ratio);
  const style = getComputedStyle(canvas);
  return {
    context,
    width: canvas.clientWidth,
    height: canvas.clientHeight,
    colour: (/** @type {string} */ name) => style.getPropertyValue(name),
  };
}

/**
 * Draw again when a canvas changes its size, or the page its theme.
 *
 * @param {HTMLCanvasElement[]} canvases
 * @param {() => void} draw
 */
export function whenShownAnew(canvases, draw) {
  const observer = new ResizeObserver(draw);
  for (const canvas of canvases) observer.observe(canvas);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
}
