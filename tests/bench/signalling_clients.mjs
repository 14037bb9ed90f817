// Pairs of peers that throw a signal to each other and back, at a steady pace, against socket.io or against our room.
// Reads {kind, packages, pairs: [[{url, cookie, origin}, {…}], …], active, rate, seconds, size} and prints what it saw.
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";

const plan = JSON.parse(readFileSync(0, "utf8"));
const load = createRequire(`${plan.packages}/`), { io } = load("socket.io-client"), WebSocket = load("ws");
const payload = (trip) => ({ g: 0, c: [{ candidate: `${trip}:`.padEnd(plan.size, "x") }] });
const tripOf = (body) => Number(body.c[0].candidate.split(":", 1)[0]);

function viaSocketIo({ url, me, to }) {
  const socket = io(url, { transports: ["websocket"], auth: { me }, reconnection: false });
  return new Promise((resolve, reject) => {
    socket.on("connect_error", reject);
    socket.on("connect", () => resolve({
      send: (body) => socket.emit("rtc", to, body),
      hear: (handler) => socket.on("rtc", ({ body }) => handler(body)),
    }));
  });
}

function viaRoom({ url, cookie, origin }) {
  const socket = new WebSocket(url, { headers: { Cookie: cookie, Origin: origin }, perMessageDeflate: plan.deflate ?? false });
  let other, handler = () => {};
  return new Promise((resolve, reject) => {
    socket.on("error", reject);
    socket.on("close", (code) => reject(new Error(`closed with ${code}`)));
    socket.on("open", () => socket.send(JSON.stringify({ t: "hello", since: 0, inst: crypto.randomUUID(), take: true })));
    socket.on("message", (data) => {
      const frame = JSON.parse(data);
      if (frame.t === "rtc") handler(frame.b);
      else if (frame.t === "who" && other && frame.p.pid === other.pid) other = frame.p;
      else if (frame.t === "nak") { console.error("refused", frame); process.exit(1); }
      else if (frame.t === "welcome") {
        other = frame.people.find(({ pid }) => pid !== frame.me);
        resolve({
          send: (body) => socket.send(JSON.stringify({ t: "rtc", to: other.pid, ep: other.ep, b: body })),
          hear: (then) => { handler = then; },
        });
      }
    });
  });
}

const open = plan.kind === "socket.io" ? viaSocketIo : viaRoom;
const pairs = [];
for (const [a, b] of plan.pairs) pairs.push(await Promise.all([open(a), open(b)]));
await new Promise((resolve) => { setTimeout(resolve, 1000); });

const waits = [];
let trips = 0, measuring = false;
pairs.slice(0, plan.active).forEach(([a, b], nth) => {
  const sent = new Map();
  b.hear((body) => b.send(body));
  a.hear((body) => {
    const trip = tripOf(body), wait = performance.now() - sent.get(trip);
    sent.delete(trip);
    if (measuring) { trips++; waits.push(wait); }
  });
  let trip = 0;
  const start = performance.now() + (nth * 1000) / plan.rate / plan.active;
  setInterval(() => { // as many as are due, so that a busy machine does not change the pace
    while (trip < ((performance.now() - start) * plan.rate) / 1000) { sent.set(++trip, performance.now()); a.send(payload(trip)); }
  }, 4);
});

// The parent reads the processor time of the servers when we say "begin" and "end".
const say = (word, facts = {}) => console.log(JSON.stringify({ word, ...facts }));
setTimeout(() => { measuring = true; say("begin"); }, 1500);
setTimeout(() => {
  measuring = false;
  waits.sort((x, y) => x - y);
  say("end", { trips, p50: waits[Math.floor(waits.length / 2)], p99: waits[Math.floor(waits.length * 0.99)] });
  process.exit(0);
}, 1500 + plan.seconds * 1000);
