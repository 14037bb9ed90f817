// The service worker: an offline page, and hashed files from the cache. No page with medical data is ever kept.
const SHELL = "shell-{{ version }}";
const OFFLINE = "/offline/";

addEventListener("install", (event) => event.waitUntil(caches.open(SHELL).then((cache) => cache.add(new Request(OFFLINE, { credentials: "omit" }))).then(() => skipWaiting())));
addEventListener("activate", (event) => event.waitUntil(caches.keys().then((names) => Promise.all(names.filter((name) => name !== SHELL).map((name) => caches.delete(name)))).then(() => clients.claim())));
addEventListener("fetch", (event) => {
  const { request } = event;
  if (request.mode === "navigate") event.respondWith(fetch(request).catch(() => caches.match(OFFLINE)));
});
