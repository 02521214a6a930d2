/** The page. */

import { BothVoices } from "./page/both_voices.js";
import { Engine } from "./page/engine.js";
import { RequestCounter, onRequests } from "./page/requests.js";
import { verdict } from "./page/verify.js";
import { VoicePanel } from "./page/voice_panel.js";

const byId = (/** @type {string} */ id) => /** @type {any} */ (document.getElementById(id));
const SETTINGS_DELAY_MS = 200;

const requests = new RequestCounter((count) => (byId("requests").textContent = String(count)));
const tell = (/** @type {string} */ text) => (byId("status").textContent = text);

/** Keep the page for use without a connection: the files are cached as they are loaded from now on. */
async function keepOffline() {
  const container = navigator.serviceWorker;
  if (!container) return;
  const controlled = new Promise((resolve) =>
    container.addEventListener("controllerchange", resolve, { once: true }),
  );
  try {
    const registration = await container.register("service_worker.js");
    const fresh = registration.installing ?? registration.waiting;
    // One that is active and does not control the page was passed over by a forced reload.
    if (container.controller || registration.active || !fresh) return;
    const failed = new Promise((resolve) =>
      fresh.addEventListener("statechange", () => fresh.state === "redundant" && resolve(null)),
    );
    await Promise.race([controlled, failed]);
  } catch {
    // The page works all the same, with a connection.
  }
}

/** What the visitor has set. */
function settings() {
  return {
    count: Number(byId("count").value),
    sampling: {
      seed: BigInt(byId("seed").value),
      truncation: Number(byId("truncation").value),
    },
  };
}

/** Take settings from the address, such as #seed=3&faces=8&variety=0.7: never a voice. */
function readAddress() {
  const given = new URLSearchParams(location.hash.slice(1));
  for (const [name, id] of [
    ["seed", "seed"],
    ["faces", "count"],
    ["variety", "truncation"],
  ]) {
    const input = byId(id);
    const before = input.value;
    input.value = given.get(name) ?? before;
    if (!input.checkValidity()) input.value = before;
  }
  byId("variety").textContent = Number(byId("truncation").value).toFixed(1);
}

/** Write the settings into the address, to be shared. */
function writeAddress() {
  const { count, sampling } = settings();
  const hash = `#seed=${sampling.seed}&faces=${count}&variety=${sampling.truncation}`;
  history.replaceState(null, "", hash);
}

/** @param {() => Promise<void>} changed called when settings have changed to others that are valid */
function listenToSettings(changed) {
  /** @type {ReturnType<typeof setTimeout>} */
  let waiting;
  const react = () => {
    byId("variety").textContent = Number(byId("truncation").value).toFixed(1);
    clearTimeout(waiting);
    if (!byId("settings").checkValidity()) return;
    writeAddress();
    waiting = setTimeout(changed, SETTINGS_DELAY_MS);
  };
  byId("settings").oninput = react;
  byId("settings").onsubmit = (/** @type {Event} */ event) => event.preventDefault();
  byId("new-seed").onclick = () => {
    byId("seed").value = String(crypto.getRandomValues(new Uint32Array(1))[0] % 1_000_000);
    react();
  };
}

/** @param {Engine} engine */
function listenToPictures(engine) {
  const input = byId("verify-file");
  input.disabled = false;
  input.onchange = async () => {
    const [file] = input.files;
    input.value = ""; // so that the same file can be chosen again
    if (!file) return;
    byId("verdict").textContent = `Looking at ${file.name}`;
    byId("verdict").textContent = await verdict(file, engine);
  };
}

/** @param {Engine} engine */
function begin(engine) {
  const { card, name, image_size_px } = engine.description;
  byId("model").textContent = `${name}, faces of ${image_size_px} x ${image_size_px} pixels`;
  for (const limit of card.limits ?? []) {
    const item = document.createElement("li");
    item.textContent = limit;
    byId("limits").append(item);
  }
  /** @type {BothVoices | undefined} */
  let both;
  const page = {
    engine,
    tell,
    settings,
    given: () => requests.begin(),
    changed: () => void both?.update(),
  };
  const panels = [new VoicePanel(page, "first", "Your voice")];
  byId("voices").append(panels[0].root);
  const add = byId("add-voice");
  add.disabled = false;
  add.onclick = () => {
    panels.push(new VoicePanel(page, "second", "Second voice"));
    byId("voices").append(panels[1].root);
    panels[1].root.querySelector("button")?.focus();
    add.hidden = true;
    both = new BothVoices(page, panels[0], panels[1]);
  };
  listenToPictures(engine);
  listenToSettings(async () => {
    for (const panel of panels) await panel.generate();
    await both?.update();
  });
  // A file that misses a panel must not replace the page.
  for (const name of ["dragover", "drop"]) {
    document.addEventListener(name, (event) => event.preventDefault());
  }
}

async function start() {
  readAddress();
  onRequests((times) => requests.add(times));
  await keepOffline();
  const progress = (/** @type {number} */ done, /** @type {number} */ all) => {
    byId("loading").value = done / all;
  };
  const engine = await Engine.load(progress, (times) => requests.add(times));
  byId("loading").hidden = true;
  begin(engine);
  tell("Ready. Record your voice, or choose a file.");
}

start().catch((error) => {
  byId("loading").hidden = true;
  tell(`The page cannot start: ${error.message}.`);
});
