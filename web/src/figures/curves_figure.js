/** The two losses of a generator, along which a point can be dragged. */

import { begin, whenShownAnew } from "../page/drawing.js";
import { canvas, make, replacePicture, slider } from "./figure.js";
import { sigmoid } from "./game.js";

const REACH = 8;

/**
 * @type {{ name: string, colour: string, loss: (d: number) => number,
 *   slope: (d: number) => number, place: [number, number] }[]} `place`: logit and loss where the
 *   name is written
 */
const LOSSES = [
  {
    name: "log(1 - D), saturating",
    colour: "--fake",
    loss: (d) => Math.log(1 - d),
    slope: (d) => -d,
    place: [4.5, -6.5],
  },
  {
    name: "-log D, non-saturating",
    colour: "--real",
    loss: (d) => -Math.log(d),
    slope: (d) => d - 1,
    place: [-4, 6],
  },
];

const picture = canvas("Both losses of the generator by the logit, with their slopes", "tall");
const told = make("p", { className: "figures", role: "status" });
const { input, label } = slider(
  "Logit of a generated face",
  { min: -REACH, max: REACH, step: 0.1, value: -5 },
  draw,
);

function draw() {
  const { context, width, height, colour } = begin(picture);
  const logit = Number(input.value);
  const x = (/** @type {number} */ s) => ((s + REACH) / (2 * REACH)) * width;
  const y = (/** @type {number} */ loss) => ((REACH - loss) / (2 * REACH)) * (height - 8) + 4;
  context.fillStyle = colour("--line");
  context.fillRect(0, y(0), width, 1);
  context.fillRect(x(0), 0, 1, height);
  context.font = "13px system-ui, sans-serif";
  LOSSES.forEach(({ name, colour: own, loss, slope, place }) => {
    context.strokeStyle = context.fillStyle = colour(own);
    context.lineWidth = 2;
    context.beginPath();
    for (let s = -REACH; s <= REACH; s += 0.1) context.lineTo(x(s), y(loss(sigmoid(s))));
    context.stroke();
    const [at, level] = place;
    context.textAlign = at < 0 ? "left" : "right";
    context.fillText(name, x(at), y(level));
    // The step that the generator gets: against the slope, as long as it is steep.
    const d = sigmoid(logit);
    const [fromX, fromY] = [x(logit), y(loss(d))];
    const toX = x(logit - 3 * slope(d));
    context.lineWidth = 4;
    context.beginPath();
    context.moveTo(fromX, fromY);
    context.lineTo(toX, fromY);
    context.stroke();
    context.beginPath();
    context.arc(fromX, fromY, 6, 0, 2 * Math.PI);
    context.fill();
  });
  const d = sigmoid(logit);
  told.textContent =
    `Logit ${logit.toFixed(1)}: D = ${d.toFixed(4)}. ` +
    `Slope of log(1 - D): ${(-d).toFixed(4)}. Slope of -log D: ${(d - 1).toFixed(4)}.`;
}

/** @param {PointerEvent} event */
function drag(event) {
  if (event.type === "pointermove" && !event.buttons) return;
  const { left, width } = picture.getBoundingClientRect();
  input.value = String(((event.clientX - left) / width) * 2 * REACH - REACH);
  draw();
}

picture.onpointerdown = picture.onpointermove = drag;
replacePicture(
  "curves",
  "The two losses of the generator",
  picture,
  make("div", { className: "controls" }, label),
  told,
  make("p", {}, "Drag the points, or move the slider. The bars are the steps that G gets."),
);
whenShownAnew([picture], draw);
