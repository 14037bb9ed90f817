// Camera, microphone and speaker of this device: opened together (one question to the person), each failure with its own
// name: insecure, unsupported, denied, missing, busy, unfit. Events: change.
const SOUND = { echoCancellation: true, noiseSuppression: true, autoGainControl: true };
const PICTURE = { width: { ideal: 1280 }, height: { ideal: 720 }, frameRate: { ideal: 30, max: 30 }, facingMode: "user" };
const NAMES = {
  NotAllowedError: "denied", SecurityError: "denied", NotFoundError: "missing", NotReadableError: "busy", AbortError: "busy",
  OverconstrainedError: "unfit",
};
const KEY = "room.devices";

export function support() {
  if (!isSecureContext) return "insecure";
  return navigator.mediaDevices?.getUserMedia ? "" : "unsupported";
}

export class Devices extends EventTarget {
  constructor() {
    super();
    this.tracks = { audio: null, camera: null };
    this.problems = { audio: "", camera: "" };
    this.choice = { audio: "", camera: "", speaker: "", soundOnly: false, muted: false, ...JSON.parse(sessionStorage.getItem(KEY) ?? "{}") };
    navigator.mediaDevices?.addEventListener?.("devicechange", () => this.changed());
  }

  changed() { this.dispatchEvent(new Event("change")); }

  choose(facts) {
    Object.assign(this.choice, facts);
    sessionStorage.setItem(KEY, JSON.stringify(this.choice));
  }

  // Opens what is wanted. What does not open is a problem, and does not stop the other.
  async open({ audio = true, camera = !this.choice.soundOnly } = {}) {
    const wanted = { audio, camera }, missing = support();
    if (missing) {
      for (const slot of ["audio", "camera"]) if (wanted[slot]) this.problems[slot] = missing;
      this.changed();
      return;
    }
    if (audio && camera && (await this.get(["audio", "camera"])) !== "denied") {
      for (const slot of ["audio", "camera"]) if (!this.tracks[slot]) await this.get([slot]);
    } else if (audio !== camera) await this.get([audio ? "audio" : "camera"]);
    this.changed();
  }

  async get(slots) {
    try {
      const stream = await navigator.mediaDevices.getUserMedia(this.constraints(slots));
      for (const track of stream.getTracks()) this.keep(track.kind === "audio" ? "audio" : "camera", track);
      for (const slot of slots) this.problems[slot] = "";
      return "";
    } catch (error) {
      const problem = NAMES[error.name] ?? "busy", chosen = slots.filter((slot) => this.choice[slot]);
      if (problem === "unfit" && chosen.length) { // the device of last time is not there any more: take another
        this.choose(Object.fromEntries(chosen.map((slot) => [slot, ""])));
        return this.get(slots);
      }
      for (const slot of slots) this.problems[slot] = problem;
      return problem;
    }
  }

  constraints(slots) {
    const exact = (slot) => this.choice[slot] && { deviceId: { exact: this.choice[slot] } };
    return {
      audio: slots.includes("audio") && { ...SOUND, ...exact("audio") },
      video: slots.includes("camera") && { ...PICTURE, ...exact("camera") },
    };
  }

  keep(slot, track) {
    this.tracks[slot]?.stop();
    this.tracks[slot] = track;
    if (slot === "camera") track.contentHint = "motion";
    else track.enabled = !this.choice.muted;
    track.addEventListener("ended", () => { // unplugged, or taken by another app
      if (this.tracks[slot] !== track) return;
      this.tracks[slot] = null;
      this.problems[slot] = "missing";
      this.choose({ [slot]: "" });
      this.dispatchEvent(new CustomEvent("lost", { detail: slot }));
      this.changed();
    });
  }

  async use(slot, deviceId) {
    this.choose({ [slot]: deviceId });
    if (slot !== "speaker") await this.get([slot]);
    this.changed();
  }

  // Muting keeps the microphone; without the camera its lamp goes out. Both are remembered for the next page.
  async toggle(slot) {
    const track = this.tracks[slot];
    if (slot === "camera") {
      this.choose({ soundOnly: Boolean(track) });
      if (track) this.stop("camera");
      else await this.open({ audio: false, camera: true });
    } else if (track) {
      track.enabled = !track.enabled;
      this.choose({ muted: !track.enabled });
      this.changed();
    } else {
      this.choose({ muted: false });
      await this.open({ audio: true, camera: false });
    }
  }

  get on() { return { audio: Boolean(this.tracks.audio?.enabled), camera: Boolean(this.tracks.camera) }; }

  stop(slot) {
    this.tracks[slot]?.stop();
    this.tracks[slot] = null;
    this.problems[slot] = "";
    this.changed();
  }

  // The names are known only after the person allowed something.
  async fill(selects, unnamed) {
    const all = (await navigator.mediaDevices?.enumerateDevices?.()) ?? [];
    const kinds = { camera: "videoinput", audio: "audioinput", speaker: "audiooutput" };
    for (const select of selects) {
      const slot = select.dataset.device, found = all.filter((device) => device.kind === kinds[slot] && device.deviceId);
      const current = slot === "speaker" ? this.choice.speaker : this.tracks[slot]?.getSettings().deviceId;
      select.replaceChildren(...found.map((device, nth) => new Option(device.label || `${unnamed} ${nth + 1}`, device.deviceId)));
      if (found.some((device) => device.deviceId === current)) select.value = current;
      select.disabled = !found.length;
      select.hidden = !found.length;
    }
  }
}
