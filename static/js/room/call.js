// The room: puts socket, log, connections, devices and stage together, and shows where things stand.
import { Chat } from "./chat.js";
import { Controls } from "./controls.js";
import { Devices } from "./devices.js";
import { showGuest } from "./guest.js";
import { Log } from "./log.js";
import { Mesh } from "./mesh.js";
import { Outbox } from "./outbox.js";
import { Panel } from "./panel.js";
import { Quality } from "./quality.js";
import { RoomSocket } from "./socket.js";
import { chime } from "./sound.js";
import { Stage } from "./stage.js";
import { announce, find, findAll, words } from "./words.js";

const room = find("#room"), call = find("[data-view=call]"), waitView = find("[data-view=wait]"), doctor = room.dataset.role === "doctor";
const name = room.dataset.other, title = document.title, here = `room.entered.${room.dataset.room}`;
const PATIENCE = 30000, BLINK = 1200; // milliseconds until a cut is called one, and until it is called far
const WORSE = ["good", "fair", "weak"];

const log = new Log(), outbox = new Outbox(room.dataset.api), socket = new RoomSocket(room.dataset.socket, () => log.last);
const mesh = new Mesh(socket), devices = new Devices(), stage = new Stage(call), quality = new Quality();
const chat = new Chat({ room, socket, mesh, outbox });
chat.last = () => log.last;
const panel = new Panel(call, () => chat.mark());
const controls = new Controls({ room, devices, mesh, stage, panel });
let entered = false, over = "", cutAt = 0, begun = 0, theirLevel = "good", was;

// ---- the log
socket.on("welcome", (frame) => { log.takeAll(frame); outbox.flush(); });
socket.on("admitted", (frame) => { log.takeAll(frame); letIn(); });
socket.on("ev", (event) => log.take(event));
socket.on("events", (frame) => log.takeAll(frame));
socket.on("beat", ({ head }) => log.compare(head));
log.addEventListener("gap", () => socket.send({ t: "sync", since: log.last }));
log.addEventListener("event", ({ detail }) => {
  outbox.seen(detail.id);
  if (detail.k === "admitted") begun ||= Date.parse(detail.at);
  chat.event(detail);
});
outbox.addEventListener("done", ({ detail: { answer } }) => answer?.s && log.take(answer));
outbox.addEventListener("signin", () => finish("signin"));

// ---- who is here
mesh.on("people", () => {
  const other = mesh.others[0];
  showGuest(other?.dev);
  if (other && other.st !== was) {
    if (was) announce({ admitted: words("joined", { name }), left: words("left", { name }) }[other.st]);
    if (doctor && other.st === "waiting") knock();
    was = other.st;
  }
  draw();
});
mesh.on("media", (facts) => { stage.media(facts); draw(); });
mesh.on("told", ({ media }) => stage.told(media));
mesh.on("peer", (facts) => { quality.look(facts); if (facts.peer.up && !facts.peer.tuned) { facts.peer.tuned = true; quality.apply(facts.peer); } draw(); });
quality.addEventListener("level", ({ detail }) => { socket.send({ t: "qos", level: detail }); judge(); });
quality.addEventListener("step", ({ detail: { step, was: before, paused } }) => {
  const word = paused ? "sound-first" : step > before ? "lower" : "picture-back";
  if (paused || step > before || before > 2) stage.note(word, paused ? 0 : 6);
  else stage.note("");
  mesh.paused = paused;
  for (const peer of mesh.peers.values()) peer.tell();
});
socket.on("qos", ({ pid, level }) => { if (pid !== socket.me) { theirLevel = level; judge(); } });
const judge = () => stage.quality(WORSE[Math.max(WORSE.indexOf(quality.level), WORSE.indexOf(theirLevel))]);

function knock() {
  announce(words("waiting", { name }));
  document.title = `● ${words("waiting", { name })}`;
  chime(devices.choice.speaker).catch(() => {});
}

function letIn() {
  if (waitView) history.replaceState(null, "", room.dataset.call);
  announce(words("let-in"));
  document.title = `● ${words("your-turn")}`;
  setTimeout(() => { document.title = title; }, 8000);
  chime(devices.choice.speaker).catch(() => {});
  draw();
}

// ---- in, and out
async function enter({ soundOnly } = {}) {
  entered = true;
  sessionStorage.setItem(here, "1");
  if (soundOnly || room.dataset.mode === "audio") devices.choose({ soundOnly: true });
  socket.open();
  draw();
  await devices.open();
  const problem = devices.problems.audio || devices.problems.camera;
  if (problem) stage.note(problem, 12);
  const word = find("[data-device-word]");
  if (word) word.textContent = words(problem || "sound-only-here");
}

async function leave() {
  socket.leave();
  finish("left");
  sessionStorage.removeItem(here);
  await new Promise((resolve) => { setTimeout(resolve, 150); });
  location.assign(room.dataset.after);
}

function finish(how) {
  over = how;
  mesh.close();
  stage.clear();
  if (how !== "signin") controls.stop();
  if (how === "ended") {
    sessionStorage.removeItem(here);
    find("#leave")?.close();
    if (waitView && !waitView.hidden) location.assign(room.dataset.after);
  }
  draw();
}

socket.on("state", (state) => {
  cutAt = ["reconnecting", "offline"].includes(state) ? cutAt || performance.now() : 0;
  if (state === "elsewhere") { mesh.close(); controls.stop(); }
  if (state === "in" && over === "elsewhere") over = "";
  if (state === "in") document.title = title;
  draw();
});
socket.on("over", (how) => (how === "elsewhere" ? draw() : finish(how === "early" ? "denied" : how)));

for (const button of findAll("[data-enter]")) button.addEventListener("click", () => enter({ soundOnly: button.dataset.enter === "sound" }));
for (const button of findAll("[data-leave]")) button.addEventListener("click", (event) => { event.preventDefault(); leave(); });
for (const button of findAll("[data-again]")) button.addEventListener("click", () => location.reload());
for (const button of findAll("[data-reload-page]")) button.addEventListener("click", () => location.reload());
for (const button of findAll("[data-use-here]")) button.addEventListener("click", () => { socket.useHere(); devices.open(); });
find("[data-admit]")?.addEventListener("click", () => outbox.put("admission/", { participant: mesh.others[0].pid }));
find("[data-end]")?.addEventListener("click", () => outbox.put("end/"));
outbox.addEventListener("refused", ({ detail: { command, problem } }) => {
  const box = find("[data-end-refused]");
  if (command.path !== "end/" || !box) return;
  box.hidden = false;
  box.textContent = problem?.detail ?? "";
});

// ---- where things stand
function standing() {
  if (over) return over === "left" ? "connecting" : over;
  if (socket.state === "elsewhere") return "elsewhere";
  if (!entered) return "start";
  const other = mesh.others[0], peer = other && mesh.peers.get(other.pid), flowing = Boolean(peer?.up && peer.fine);
  const seen = Boolean(stage.remote.srcObject), cut = cutAt && performance.now() - cutAt;
  if (cut > BLINK && !flowing) return cut > PATIENCE ? "far" : "lost";
  if (!socket.me || !other) return "connecting";
  if (doctor && !other.adm) return other.st === "waiting" ? "knock" : "alone";
  if (["absent", "left"].includes(other.st)) return "alone";
  if (flowing) return stage.silenced ? "quiet" : "";
  if (other.st === "reconnecting") return "peer-lost";
  return seen ? "lost" : "connecting";
}

function draw() {
  const inside = doctor || mesh.inside || (!socket.me && waitView?.hidden), waits = Boolean(waitView) && !inside && !over;
  if (waitView) [waitView.hidden, call.hidden] = [!waits, waits];
  if (waits) {
    find("[data-wait-lost]").hidden = !(cutAt && performance.now() - cutAt > BLINK);
    find("[data-wait-elsewhere]").hidden = socket.state !== "elsewhere";
    find("[data-no-picture]").hidden = Boolean(devices.tracks.camera);
  }
  const now = standing();
  if (now === "lost" && stage.shown !== "lost") announce(words("reconnecting"));
  if (now === "" && stage.shown === "lost") announce(words("back"));
  stage.state(now);
  call.toggleAttribute("data-over", Boolean(over) || socket.state === "elsewhere");
  find("[data-live-badge]").hidden = !begun || Boolean(over);
  const seconds = Math.max(0, Math.floor((Date.now() - begun) / 1000));
  if (begun) find("[data-elapsed]").textContent = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
}
setInterval(draw, 500);
// A call that flows keeps its people signed in.
setInterval(() => { if (entered && standing() === "") socket.send({ t: "media" }); }, 30000);

// ---- the screen of a phone stays on
const awake = () => { if (!document.hidden && entered && !over) navigator.wakeLock?.request("screen").catch(() => {}); };
document.addEventListener("visibilitychange", awake);

if (!doctor || sessionStorage.getItem(here)) enter().then(awake);
else { stage.state("start"); devices.fill(findAll("#settings select"), words("device")); }
