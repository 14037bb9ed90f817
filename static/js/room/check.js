// The device check. Permission is asked after a press; the picture and the sound stay on this device.
import { Devices, support } from "./devices.js";
import { line } from "./line.js";
import { chime, meter } from "./sound.js";
import { announce, find, findAll, show, words } from "./words.js";

const page = find("#check"), video = find("[data-self]"), bars = findAll("[data-level] i"), enter = find("[data-enter]");
const devices = new Devices();
const result = { camera: "off", microphone: "off", speaker: "untested", connection: "none", sound_only: false };
const SILENCE = 5000; // milliseconds without a sound before we ask for one
let started = false, endMeter, heardAt, soon;

const state = (slot) => devices.problems[slot] || (devices.tracks[slot] ? "ok" : "off");
const plain = (value) => (value === "insecure" ? "unsupported" : value);

function tell(slot, value) {
  show(slot, value);
  const mark = find(`[data-mark="${slot}"]`);
  const tone = ["ok", "good", "fair"].includes(value) ? "ok" : ["off", "untested", "asked", "waiting"].includes(value) ? "idle" : "bad";
  if (mark) mark.className = `chk__i chk__i--${tone}`;
}

function draw() {
  const camera = state("camera"), sound = state("audio");
  video.srcObject = devices.tracks.camera && new MediaStream([devices.tracks.camera]);
  video.hidden = !devices.tracks.camera;
  // One thing at a time: first what keeps us from hearing you, then the picture.
  const problem = !started ? "start" : devices.problems.audio || devices.problems.camera || (devices.tracks.camera ? "" : "sound-only");
  show("problem", problem);
  const kind = devices.problems.audio ? (devices.problems.camera ? "both" : "microphone") : "camera";
  for (const element of findAll("[data-about]")) element.hidden = element.dataset.about !== kind;
  tell("camera", started ? camera : "waiting");
  tell("microphone", !started ? "waiting" : sound === "ok" && result.microphone === "silent" ? "silent" : sound);
  find("[data-bar]").hidden = !["", "sound-only"].includes(problem);
  for (const button of findAll("[data-toggle]")) button.setAttribute("aria-pressed", String(devices.on[button.dataset.toggle]));
  find("[data-sound-only]").checked = devices.choice.soundOnly;
  if (!started) return;
  result.camera = plain(camera);
  if (result.microphone !== "silent" || sound !== "ok") result.microphone = plain(sound);
  result.sound_only = devices.choice.soundOnly;
  enter.classList.remove("is-waiting");
  if (problem) announce(find(`[data-problem="${problem}"] h2`)?.textContent);
  save();
}

async function post() {
  const response = await fetch(page.dataset.result, {
    method: "POST", credentials: "same-origin", body: JSON.stringify(result),
    headers: { "Content-Type": "application/json", "X-CSRFToken": document.body.dataset.csrf },
  }).catch(() => null);
  return Boolean(response?.ok);
}

function save() {
  clearTimeout(soon);
  soon = setTimeout(post, 500);
}

async function start(wanted) {
  started = true;
  show("problem", "asking");
  await devices.open(wanted);
  await devices.fill(findAll("select[data-device]"), words("device"));
  listen();
  draw();
}

function listen() {
  endMeter?.();
  if (!devices.tracks.audio) return;
  heardAt = performance.now();
  endMeter = meter(devices.tracks.audio, (level) => {
    bars.forEach((bar, nth) => bar.classList.toggle("on", nth < level));
    if (level > 1) heardAt = performance.now();
    const now = performance.now() - heardAt > SILENCE ? "silent" : "ok";
    if (now === result.microphone || !devices.tracks.audio) return;
    result.microphone = now;
    draw();
  });
}

async function measure() {
  tell("connection", "waiting");
  const { level } = await line(page.dataset.ping, page.dataset.sample);
  result.connection = level;
  tell("connection", level);
  if (started) save();
}

for (const button of findAll("[data-start]")) button.addEventListener("click", () => start());
for (const button of findAll("[data-try-sound]")) button.addEventListener("click", () => {
  devices.choose({ soundOnly: true });
  devices.stop("camera");
  start({ audio: true, camera: false });
});
find("[data-sound-only]").addEventListener("change", ({ target }) => {
  devices.choose({ soundOnly: target.checked });
  if (target.checked) devices.stop("camera");
  if (started) start({ audio: !devices.tracks.audio, camera: !target.checked });
});
for (const select of findAll("select[data-device]")) select.addEventListener("change", async () => {
  await devices.use(select.dataset.device, select.value);
  listen();
  draw();
});
for (const button of findAll("[data-toggle]")) button.addEventListener("click", () => devices.toggle(button.dataset.toggle));
find("[data-test-sound]").addEventListener("click", async () => {
  await chime(devices.choice.speaker).catch(() => {});
  tell("speaker", "asked");
});
for (const answer of findAll("[data-heard]")) answer.addEventListener("click", () => {
  result.speaker = answer.dataset.heard;
  tell("speaker", result.speaker);
  if (started) save();
});
find("[data-measure]").addEventListener("click", measure);
enter.addEventListener("click", async (event) => {
  event.preventDefault();
  if (enter.classList.contains("is-waiting")) { // nothing is turned on yet, or the browser still asks
    find("[data-problem=start]:not([hidden]) [data-start]")?.focus();
    announce(words("first"));
    return;
  }
  clearTimeout(soon);
  if (await post()) location.assign(enter.href);
  else show("problem", "unsaved");
});
devices.addEventListener("change", draw);

if (page.dataset.mode === "audio") devices.choose({ soundOnly: true });
tell("speaker", "untested");
if (support()) start();
else draw();
measure();
