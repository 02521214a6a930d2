/**
 * Keeps the page for use without a connection. What is asked for is taken from the cache, and kept
 * there when it was loaded; only `model.json` is asked for anew where there is a connection, as it
 * tells which networks belong to the model.
 */

/** Hash of the page's files, put here by the build: another build has a cache of its own. */
const CACHE = `voice2face-${VERSION}`;
/** What the page loads before this works, and what it may ask for later. */
const SHELL = [
  "./",
  "app.js",
  "app.webmanifest",
  "capture.js",
  "examples/librispeech-3699.flac",
  "examples/librispeech-4340.flac",
  "icon.svg",
  "licences.txt",
  "style.css",
];

const scope = /** @type {any} */ (self);

scope.addEventListener("install", (/** @type {any} */ event) => {
  event.waitUntil(
    caches
      .open(CACHE)
      .then((cache) => cache.addAll(SHELL))
      .then(() => scope.skipWaiting()),
  );
});

scope.addEventListener("activate", (/** @type {any} */ event) => {
  event.waitUntil(removeOlder().then(() => scope.clients.claim()));
});

scope.addEventListener("fetch", (/** @type {any} */ event) => {
  const { request } = event;
  if (request.method !== "GET" || new URL(request.url).origin !== location.origin) return;
  event.respondWith(request.url.endsWith("/model.json") ? newest(request) : kept(request));
});

async function removeOlder() {
  const names = await caches.keys();
  const older = names.filter((name) => name.startsWith("voice2face-") && name !== CACHE);
  await Promise.all(older.map((name) => caches.delete(name)));
}

/** @param {Request} request */
async function kept(request) {
  return (await (await caches.open(CACHE)).match(request)) ?? load(request);
}

/** @param {Request} request */
async function newest(request) {
  try {
    return await load(request);
  } catch (error) {
    const found = await (await caches.open(CACHE)).match(request);
    if (found) return found;
    throw error;
  }
}

/** @param {Request} request */
async function load(request) {
  const response = await fetch(request);
  if (response.ok) {
    const cache = await caches.open(CACHE);
    // Where there is no room for it, the page works all the same, with a connection.
    await cache.put(request, response.clone()).catch(() => {});
  }
  return response;
}
