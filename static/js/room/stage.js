// What is on the stage: the other side's picture and screen, one's own picture, and who is speaking to whom about what.
import { find, findAll, show, words } from "./words.js";

const CORNERS = ["top-end", "bottom-end", "bottom-start", "top-start"];
const CORNER_KEY = "room.corner";

export class Stage {
  constructor(root) {
    this.root = root;
    this.remote = find("[data-remote]");
    this.screen = find("[data-screen]");
    this.self = find("[data-self-box]");
    this.theirs = { audio: true, camera: true, screen: false };
    this.self.dataset.corner = localStorage.getItem(CORNER_KEY) ?? "top-end";
    find("[data-move-self]").addEventListener("click", () => this.put(CORNERS[(CORNERS.indexOf(this.self.dataset.corner) + 1) % 4]));
    this.self.addEventListener("pointerdown", (event) => this.drag(event));
    for (const button of findAll("[data-hear]")) button.addEventListener("click", () => this.play());
  }

  // One element plays one stream. The old picture stays until the new one really moves.
  media({ slot, track, stream }) {
    const element = slot === "screen" ? this.screen : this.remote;
    if (element.srcObject === stream) return;
    const put = () => { element.srcObject = stream; this.play(); };
    if (slot === "audio" || !track.muted || !element.srcObject) put();
    else track.addEventListener("unmute", put, { once: true });
    track.addEventListener("unmute", () => this.draw());
  }

  async play() {
    try {
      await this.remote.play();
      this.silenced = false;
    } catch (error) {
      this.silenced = error.name === "NotAllowedError";
    }
    this.draw();
  }

  told(media) { this.theirs = { ...this.theirs, ...media }; this.draw(); }
  clear() { this.remote.srcObject = this.screen.srcObject = null; this.draw(); }

  draw() {
    const shares = this.theirs.screen && Boolean(this.screen.srcObject), sees = this.theirs.camera && Boolean(this.remote.srcObject);
    this.screen.hidden = !shares;
    // A hidden video may not play: the sound goes on, so the element stays and only its picture goes.
    this.remote.hidden = !this.remote.srcObject;
    this.remote.classList.toggle("is-dark", !sees);
    this.remote.classList.toggle("is-small", shares);
    find("[data-face]").hidden = sees || shares || !this.remote.srcObject;
    find("[data-face-word]").textContent = words(this.theirs.audio && !sees ? "peer-camera-off" : "peer-sound");
    find("[data-muted]").hidden = this.theirs.audio;
  }

  // One overlay at a time; "" is none.
  state(name) {
    if (name === this.shown) return;
    this.shown = name;
    show("stage", name, this.root);
    find("[data-who]").hidden = !["", "peer-lost", "lost", "quiet"].includes(name);
  }

  quality(level) {
    for (const element of findAll("[data-bars]")) element.hidden = element.dataset.bars !== level;
    find("[data-quality-word]").textContent = level === "good" ? "" : words(level);
  }

  note(word, seconds = 0) {
    clearTimeout(this.noteTimer);
    const box = find("[data-note]");
    box.hidden = !word;
    find("[data-note-word]").textContent = word ? words(word) : "";
    if (word && seconds) this.noteTimer = setTimeout(() => this.note(""), seconds * 1000);
  }

  // ---- one's own picture
  own(track, hidden) {
    for (const video of findAll("[data-self]")) {
      const now = video.srcObject?.getVideoTracks()[0] ?? null;
      if (now !== track) video.srcObject = track && new MediaStream([track]);
      if (!this.self.contains(video)) video.hidden = !track;
    }
    find("[data-self-off]").hidden = Boolean(track?.enabled);
    this.self.hidden = hidden;
  }

  put(corner) { this.self.dataset.corner = corner; localStorage.setItem(CORNER_KEY, corner); }

  drag(event) {
    if (event.target.closest("button")) return;
    this.self.setPointerCapture(event.pointerId);
    this.self.classList.add("is-dragged");
    const area = this.self.parentElement.getBoundingClientRect(), rtl = document.documentElement.dir === "rtl";
    const move = ({ clientX, clientY }) => {
      const side = (clientX < area.left + area.width / 2) === rtl ? "end" : "start";
      this.put(`${clientY < area.top + area.height / 2 ? "top" : "bottom"}-${side}`);
    };
    const done = () => { this.self.classList.remove("is-dragged"); this.self.removeEventListener("pointermove", move); };
    this.self.addEventListener("pointermove", move);
    this.self.addEventListener("pointerup", done, { once: true });
    this.self.addEventListener("pointercancel", done, { once: true });
  }
}
