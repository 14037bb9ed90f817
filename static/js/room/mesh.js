// The people in the room, and one connection to each of them. Events: people, peer {peer}, media {peer, slot, track,
// stream}, gone {peer}, told {peer, media}.
import { Peer } from "./peer.js";

const HERE = new Set(["admitted", "reconnecting"]);

export class Mesh extends EventTarget {
  constructor(socket) {
    super();
    Object.assign(this, { socket, people: new Map(), peers: new Map(), tracks: {}, inside: false, relayOnly: false });
    RTCPeerConnection.generateCertificate({ name: "ECDSA", namedCurve: "P-256" }).then((made) => { this.certificate = made; });
    socket.on("welcome", (frame) => this.enter(frame, frame.adm));
    socket.on("admitted", (frame) => this.enter(frame, true));
    socket.on("who", ({ p }) => this.meet(p));
    socket.on("rtc", (frame) => this.signal(frame));
    socket.on("ice", ({ ice }) => this.learn(ice));
    socket.on("cur", ({ pid, d, r }) => { const person = this.people.get(pid); if (person) Object.assign(person, { d, r }); this.emit("people"); });
    setInterval(() => { for (const peer of this.peers.values()) peer.watch(); }, 500);
  }

  emit(name, detail) { this.dispatchEvent(new CustomEvent(name, { detail })); }
  on(name, handler) { this.addEventListener(name, ({ detail }) => handler(detail)); }
  get me() { return this.people.get(this.socket.me); }
  get others() { return [...this.people.values()].filter((person) => person.pid !== this.socket.me); }

  learn(ice) {
    this.ice = ice;
    this.learnt = Date.now();
    this.emit("ice");
  }

  enter({ people, ice }, inside) {
    this.inside = inside;
    this.learn(ice);
    this.people = new Map(people.map((person) => [person.pid, person]));
    this.emit("people");
    this.match();
    for (const peer of this.peers.values()) peer.resume(this.socket.moved);
  }

  meet(person) {
    this.people.set(person.pid, person);
    this.emit("people");
    this.match();
    if (person.pid !== this.socket.me && person.st === "admitted") this.peers.get(person.pid)?.resume();
  }

  // One connection for each person who is here, and for the page they use now.
  match() {
    if (!this.inside) return;
    for (const person of this.others) {
      const known = this.peers.get(person.pid), here = person.adm && HERE.has(person.st);
      if (known && (!here || known.epoch !== person.ep)) {
        known.retire();
        this.peers.delete(person.pid);
      }
      if (here && person.ep && !this.peers.has(person.pid)) this.connect(person);
    }
  }

  connect({ pid, ep, o }) {
    const peer = new Peer(this, pid, ep, this.me.o > o);
    this.peers.set(pid, peer);
    this.emit("peer", { peer });
    return peer;
  }

  signal({ from, ep, b }) {
    const person = this.people.get(from);
    let peer = this.peers.get(from);
    if (!person || !this.inside || peer?.epoch > ep) return;
    if (!peer || peer.epoch < ep) { // their new page is quicker than the news of it
      peer?.retire();
      peer = this.connect({ ...person, ep });
    }
    peer.signal(b);
  }

  // Credentials of relays expire; they are renewed before every repair that needs them.
  async freshIce() {
    if (this.ice && Date.now() - this.learnt < this.ice.ttl * 500) return;
    if (!this.socket.send({ t: "ice" })) return;
    await new Promise((resolve) => { this.addEventListener("ice", resolve, { once: true }); setTimeout(resolve, 1500); });
  }

  configuration() {
    return {
      iceServers: this.ice?.servers ?? [], bundlePolicy: "max-bundle", rtcpMuxPolicy: "require", iceCandidatePoolSize: 1,
      ...(this.certificate && { certificates: [this.certificate] }), ...(this.relayOnly && { iceTransportPolicy: "relay" }),
    };
  }

  // What this side sends in a slot: "audio", "camera" or "screen". A change never needs a new negotiation.
  send(slot, track) {
    this.tracks[slot] = track;
    for (const peer of this.peers.values()) { peer.attach(); peer.tell(); }
  }

  // Which of them carry something: a muted microphone keeps its place.
  get media() {
    const on = (slot) => Boolean(this.tracks[slot]?.enabled);
    return { audio: on("audio"), camera: on("camera") && !this.paused, screen: on("screen") };
  }

  close() {
    for (const peer of this.peers.values()) peer.close();
    this.peers.clear();
  }
}
