// Parts of a page that follow the server: the socket says which topic changed, and each part with that topic reads
// itself again. Who was away for a while reads everything once. Needs htmx on the page for the swap.
const WAITS = [0, 500, 1000, 2000, 4000, 8000];
const parts = () => [...document.querySelectorAll("[data-live]")];
let socket, tries = 0, timer;

function refresh(topic) {
  for (const part of parts()) if (!topic || part.dataset.live.split(" ").includes(topic)) {
    htmx.ajax("GET", part.dataset.src || location.href, { source: part, target: part, swap: "outerMorph", select: `#${part.id}` });
  }
}

function say(connected) {
  for (const bar of document.querySelectorAll("[data-live-lost]")) bar.hidden = connected;
}

// Not the open socket says that we hear again, but its first word: without Redis the server opens and closes at once.
function welcome() {
  say(true);
  if (tries) refresh();
  tries = 0;
}

function connect() {
  clearTimeout(timer);
  const url = new URL("/ws/live/", location.href);
  url.protocol = url.protocol.replace("http", "ws");
  url.searchParams.set("topics", [...new Set(parts().flatMap((part) => part.dataset.live.split(" ")))].join(","));
  socket = new WebSocket(url);
  socket.onmessage = ({ data }) => {
    const frame = JSON.parse(data);
    if (frame.t === "welcome") welcome();
    if (frame.t === "changed") refresh(frame.topic);
    document.dispatchEvent(new CustomEvent("live", { detail: frame }));
  };
  socket.onclose = ({ code }) => {
    if (code === 4401) document.dispatchEvent(new Event("signedout"));
    if (code === 4401 || code === 4403) return;
    if (tries > 1) say(false);
    timer = setTimeout(connect, WAITS[Math.min(tries++, WAITS.length - 1)] * (0.8 + Math.random() * 0.4));
  };
}

if (parts().length) {
  connect();
  addEventListener("online", () => { tries = 0; connect(); });
  addEventListener("pageshow", (event) => { if (event.persisted) refresh(); });
}
