// A connection to one page of another person: perfect negotiation, and repair from the cheapest to the dearest.
// A generation is one RTCPeerConnection. Whoever offers lays out three places (audio, camera, screen) and the other side
// follows; afterwards every change of microphone, camera or screen is replaceTrack and never negotiates.
import { keyFrame } from "./keyframe.js";

const SLOTS = ["audio", "camera", "screen"];
const CONNECTED = new Set(["connected", "completed"]);

export class Peer {
  constructor(mesh, pid, epoch, polite) {
    Object.assign(this, { mesh, pid, epoch, polite, generation: 0, repairs: 0, dead: false });
    this.build(!polite);
  }

  build(offerer) {
    this.pc?.close();
    const pc = this.pc = new RTCPeerConnection(this.mesh.configuration());
    const mine = (handler) => (event) => { if (pc === this.pc) handler(event); };
    Object.assign(this, { offering: false, ignoring: false, answering: false, outgoing: [], early: [], up: false, down: false });
    Object.assign(this, { still: 0, moving: false, packets: undefined, stream: new MediaStream() });
    pc.onnegotiationneeded = mine(() => this.offer());
    pc.onicecandidate = mine(({ candidate }) => candidate && this.queue(candidate));
    pc.oniceconnectionstatechange = mine(() => this.changed());
    pc.ontrack = mine((event) => this.receive(event));
    this.repairIn(this.polite ? 9000 : 6000); // a first offer that got lost heals itself
    if (!offerer) return;
    for (const kind of ["audio", "video", "video"]) pc.addTransceiver(kind, { direction: "sendrecv" });
    this.attach();
  }

  receive({ transceiver, track }) {
    const slot = SLOTS[this.pc.getTransceivers().indexOf(transceiver)];
    if (slot !== "screen") this.stream.addTrack(track);
    this.mesh.emit("media", { peer: this, slot, track, stream: slot === "screen" ? new MediaStream([track]) : this.stream });
  }

  attach() {
    this.pc.getTransceivers().forEach((transceiver, place) => {
      const track = this.mesh.tracks[SLOTS[place]] ?? null;
      if (transceiver.direction !== "sendrecv" && !transceiver.stopped) transceiver.direction = "sendrecv";
      if (transceiver.sender.track !== track) transceiver.sender.replaceTrack(track);
    });
  }

  sender(slot) { return this.pc.getTransceivers()[SLOTS.indexOf(slot)]?.sender; }
  say(signal) { return this.mesh.socket.send({ t: "rtc", to: this.pid, ep: this.epoch, b: { g: this.generation, ...signal } }); }
  tell() { this.say({ m: this.mesh.media }); }

  // Candidates of one moment go as one frame.
  queue(candidate) {
    this.outgoing.push(candidate.toJSON());
    this.batch ??= setTimeout(() => { this.batch = null; this.say({ c: this.outgoing.splice(0) }); });
  }

  async offer() {
    const pc = this.pc;
    try {
      this.offering = true;
      await pc.setLocalDescription();
      if (pc === this.pc) this.say({ d: pc.localDescription, m: this.mesh.media });
    } catch (error) {
      console.warn("offer", error.name);
    } finally {
      this.offering = false;
    }
  }

  // Signals are taken one after another.
  signal(signal) {
    this.chain = (this.chain ?? Promise.resolve()).then(() => this.take(signal)).catch((error) => console.warn("signal", error.name));
  }

  async take({ g, d, c, m }) {
    if (g < this.generation || this.dead) return;
    if (g > this.generation) {
      this.generation = g;
      this.build(d ? false : !this.polite);
    }
    if (m) this.mesh.emit("told", { peer: this, media: m });
    if (d && !(await this.describe(d))) return;
    if (!this.pc.remoteDescription) { // candidates may overtake their offer
      this.early.push(...(c ?? []));
      return;
    }
    for (const candidate of [...this.early.splice(0), ...(c ?? [])]) {
      try { await this.pc.addIceCandidate(candidate); } catch (error) { if (!this.ignoring) console.warn("candidate", error.name); }
    }
  }

  async describe(description) {
    const offer = description.type === "offer";
    const ready = !this.offering && (this.pc.signalingState === "stable" || this.answering), clash = offer && !ready;
    this.ignoring = !this.polite && clash;
    if (this.ignoring) return false;
    if (!offer && this.pc.signalingState !== "have-local-offer") return false; // an answer that was said twice
    if (clash && !this.up) this.build(false); // both laid out a new generation: start over as the answerer
    const pc = this.pc;
    this.answering = !offer;
    try { await pc.setRemoteDescription(description); } finally { this.answering = false; }
    if (offer) {
      this.attach();
      await pc.setLocalDescription();
      this.say({ d: pc.localDescription, m: this.mesh.media });
    }
    return true;
  }

  // ---- repair: wait, restart ICE, new generation, new generation through a relay
  changed() {
    const state = this.pc.iceConnectionState;
    if (CONNECTED.has(state)) {
      clearTimeout(this.fix);
      this.repairs = this.still = 0;
      this.up = true;
      if (this.down) { this.down = false; keyFrame(this.pc); }
    } else if (state === "disconnected") {
      this.down = true;
      this.mesh.socket.probe();
      this.repairIn(this.polite ? 3000 : 1000);
    } else if (state === "failed") {
      this.down = true;
      this.repairIn(0);
    }
    this.mesh.emit("peer", { peer: this });
  }

  get fine() { return CONNECTED.has(this.pc.iceConnectionState) && this.still < 4; }
  repairIn(wait) { clearTimeout(this.fix); this.fix = setTimeout(() => this.repair(), wait); }

  async repair() {
    if (this.dead || this.fine || !this.mesh.socket.up) return; // without a socket, resume() comes back here
    if (this.up && this.pc.signalingState === "have-local-offer") { // nobody answers: the other side is away, more would not help
      this.say({ d: this.pc.localDescription });
      this.repairIn(3000);
      return;
    }
    const nth = this.repairs++;
    await this.mesh.freshIce();
    if (this.dead || this.fine) return;
    if (nth === 0 && this.up) this.restart();
    else {
      if (nth >= 2) this.mesh.relayOnly = this.mesh.ice.servers.some((server) => server.username);
      this.renew();
    }
    this.repairIn(4000 + 1000 * nth);
  }

  restart() {
    this.down = true;
    this.pc.setConfiguration(this.mesh.configuration());
    this.pc.restartIce();
  }

  renew() { this.generation++; this.build(true); }

  // Twice a second: packets may have stopped although ICE still says connected.
  async watch() {
    if (!this.up || this.dead) return;
    const pc = this.pc, stats = await pc.getStats();
    if (pc !== this.pc) return;
    const packets = [...stats.values()].find(({ type }) => type === "transport")?.packetsReceived ?? 0;
    const arrived = packets - (this.packets ?? packets);
    this.packets = packets;
    if (arrived > 5) {
      if (this.still > 1 || this.down) keyFrame(this.pc);
      this.moving = true;
      this.still = 0;
      if (this.fine) this.down = false;
    } else if (this.moving && ++this.still === 4) {
      this.mesh.socket.probe();
      this.repairIn(this.polite ? 2500 : 800);
    }
    this.mesh.emit("peer", { peer: this, stats });
  }

  // A socket came back, mine or theirs: repeat what may have been lost.
  resume(moved) {
    if (moved && this.up) { this.renew(); return; } // ICE would call the dead path connected for five seconds more
    if (this.pc.signalingState === "have-local-offer") this.say({ d: this.pc.localDescription });
    if (this.up && !this.fine) this.repairIn(this.polite ? 400 : 0);
  }

  // Make before break: the old picture stays while the connection to the new page is made.
  retire() {
    this.dead = true;
    clearTimeout(this.fix);
    const pc = this.pc;
    setTimeout(() => pc.close(), 4000);
    this.mesh.emit("gone", { peer: this });
  }

  close() { this.dead = true; clearTimeout(this.fix); this.pc.close(); }
}
