// Microphone, camera, screen, keys and settings: what this side sends, and the buttons that say so.
import { meter } from "./sound.js";
import { announce, find, findAll, words } from "./words.js";

const KEYS = { m: "audio", v: "camera" };
const SHY = 20000; // milliseconds between two reminders that the microphone is off

export class Controls {
  constructor({ room, devices, mesh, stage, panel }) {
    Object.assign(this, { devices, mesh, stage, panel, audioOnly: room.dataset.mode === "audio", useKeys: localStorage.getItem("room.keys") !== "off" });
    this.buttons = new Map(findAll("[data-toggle]").map((button) => [button.dataset.toggle, button]));
    for (const [slot, button] of this.buttons) button.addEventListener("click", () => this.toggle(slot));
    for (const select of findAll("#settings select")) select.addEventListener("change", () => this.pick(select));
    this.sharing = find("[data-share]");
    this.sharing.hidden = !navigator.mediaDevices?.getDisplayMedia;
    this.sharing.addEventListener("click", () => this.share());
    this.hideSelf = find("[data-hide-self]");
    this.hideSelf?.addEventListener("change", () => this.draw());
    const keys = find("[data-use-keys]");
    keys.checked = this.useKeys;
    keys.addEventListener("change", () => { this.useKeys = keys.checked; localStorage.setItem("room.keys", keys.checked ? "on" : "off"); this.draw(); });
    document.addEventListener("keydown", (event) => this.key(event));
    devices.addEventListener("change", () => this.follow());
    devices.addEventListener("lost", ({ detail }) => { stage.note(`lost-${detail}`); announce(words(`lost-${detail}`)); });
  }

  // What the devices give is what the others get.
  follow() {
    for (const slot of ["audio", "camera"]) {
      if (this.mesh.tracks[slot] !== this.devices.tracks[slot]) this.mesh.send(slot, this.devices.tracks[slot]);
    }
    this.devices.fill(findAll("#settings select"), words("device"));
    this.draw();
  }

  async toggle(slot) {
    await this.devices.toggle(slot);
    for (const peer of this.mesh.peers.values()) peer.tell();
    if (this.devices.problems[slot]) this.stage.note(this.devices.problems[slot], 10);
    announce(words(`${slot === "audio" ? "mic" : "camera"}-${this.devices.on[slot] ? "on" : "off"}`));
  }

  async pick(select) {
    await this.devices.use(select.dataset.device, select.value);
    if (select.dataset.device === "speaker") await this.stage.remote.setSinkId?.(select.value).catch(() => {});
  }

  async share() {
    if (this.mesh.tracks.screen) { this.endShare(); return; }
    const stream = await navigator.mediaDevices.getDisplayMedia({ video: true }).catch(() => null); // closing the question is an answer
    const track = stream?.getVideoTracks()[0];
    if (!track) return;
    track.contentHint = "detail";
    track.addEventListener("ended", () => this.endShare());
    this.mesh.send("screen", track);
    this.draw();
  }

  endShare() {
    this.mesh.tracks.screen?.stop();
    this.mesh.send("screen", null);
    this.draw();
  }

  draw() {
    for (const [slot, button] of this.buttons) button.setAttribute("aria-pressed", String(this.devices.on[slot]));
    this.sharing.setAttribute("aria-pressed", String(Boolean(this.mesh.tracks.screen)));
    this.sharing.classList.toggle("cc--on", Boolean(this.mesh.tracks.screen));
    find("[data-keys]").hidden = !this.useKeys;
    this.stage.own(this.devices.tracks.camera, this.audioOnly || Boolean(this.hideSelf?.checked));
    this.listen();
  }

  // Speaking while muted: a second ear on the microphone that nobody else hears.
  listen() {
    const { audio } = this.devices.tracks;
    if (audio && !audio.enabled && this.ear?.of !== audio) {
      const copy = audio.clone();
      copy.enabled = true;
      let loud = 0;
      const end = meter(copy, (level) => {
        loud = level > 2 ? loud + 1 : 0;
        if (loud < 5 || performance.now() - (this.reminded ?? -SHY) < SHY) return;
        this.reminded = performance.now();
        this.stage.note("muted-speaking", 6);
      });
      this.ear = { of: audio, end: () => { end(); copy.stop(); } };
    } else if (this.ear && (!audio || audio.enabled || this.ear.of !== audio)) {
      this.ear.end();
      this.ear = null;
    }
  }

  key(event) {
    if (!this.useKeys || event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
    if (event.target.closest("input, textarea, select, dialog, [contenteditable]")) return;
    const slot = KEYS[event.key.toLowerCase()];
    if (slot && this.buttons.has(slot)) this.toggle(slot);
    else if (event.key.toLowerCase() === "c") this.panel.open(!this.panel.isOpen);
  }

  stop() {
    this.endShare();
    for (const slot of ["audio", "camera"]) this.devices.stop(slot);
  }
}
