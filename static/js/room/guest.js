// How the device check of the waiting patient went, for the doctor who is about to open the door.
import { find, show } from "./words.js";

const LINE = { good: "good", fair: "fair", weak: "weak", none: "weak" };

export function showGuest(devices) {
  const box = find("[data-guest-devices]");
  if (!box) return;
  box.hidden = !devices;
  if (!devices) return;
  const { microphone, camera, connection, sound_only: soundOnly } = devices;
  show("guest-microphone", microphone === "ok" ? "ok" : "bad", box);
  show("guest-camera", soundOnly || camera === "off" ? "off" : camera === "ok" ? "ok" : "bad", box);
  show("guest-connection", LINE[connection], box);
}
