// One socket that comes back: after a cut it says how far it got and hears exactly what it missed.
// Events: state, busy, over, and every frame of the server under its own name.
const WAITS = [0, 250, 500, 1000, 2000, 3000, 5000]; // then every five seconds, give or take a fifth
const OPEN_TIMEOUT = 4000, PROBE_TIMEOUT = 1500;
const FINAL = { 4401: "signin", 4403: "denied", 4409: "elsewhere", 4410: "ended", 4425: "early" };
const BRAKE = new Set([1011, 4400, 4429]); // something does not open, or we said something wrong or too much: not at once again

export class RoomSocket extends EventTarget {
  constructor(path, position) {
    super();
    this.url = new URL(path, location.href);
    this.url.protocol = this.url.protocol.replace("http", "ws");
    this.position = position; // how far the log is known
    this.instance = crypto.randomUUID(); // of this page: another page is another end of the call
    this.key = `room.take.${path}`;
    this.take = sessionStorage.getItem(this.key) !== null; // this tab held the seat before it was reloaded
    sessionStorage.removeItem(this.key);
    Object.assign(this, { state: "idle", up: false, closed: false, tries: 0, beat: 10, heard: 0 });
    addEventListener("online", () => this.nudge());
    addEventListener("pageshow", () => this.nudge());
    addEventListener("offline", () => this.nudge()); // the browser may be wrong: the socket is asked
    addEventListener("pagehide", () => this.me && !this.closed && sessionStorage.setItem(this.key, "1"));
    document.addEventListener("visibilitychange", () => document.hidden || this.nudge());
    navigator.connection?.addEventListener?.("change", () => this.nudge());
    setInterval(() => this.watch(), 1000);
  }

  emit(name, detail) { this.dispatchEvent(new CustomEvent(name, { detail })); }
  on(name, handler) { this.addEventListener(name, ({ detail }) => handler(detail)); }
  set(state) { if (state !== this.state) { this.state = state; this.emit("state", state); } }

  open() {
    if (this.closed) return;
    clearTimeout(this.timer);
    this.drop();
    const socket = this.socket = new WebSocket(this.url), mine = () => this.socket === socket;
    const late = setTimeout(() => mine() && this.again(), OPEN_TIMEOUT);
    socket.onopen = () => { if (mine()) this.hello(); };
    socket.onmessage = ({ data }) => {
      if (!mine()) return;
      this.heard = performance.now();
      const frame = JSON.parse(data);
      if (frame.t === "welcome" || frame.t === "busy") clearTimeout(late);
      if (frame.t === "welcome") this.welcome(frame);
      if (frame.t === "admitted") this.set("in");
      if (frame.t === "busy") this.stand();
      this.emit(frame.t, frame);
    };
    socket.onclose = ({ code }) => { clearTimeout(late); if (mine()) this.ended(code); };
  }

  hello() { this.socket.send(JSON.stringify({ t: "hello", since: this.position(), inst: this.instance, take: this.take })); }

  welcome(frame) {
    Object.assign(this, { up: true, tries: 0, take: false, me: frame.me, epoch: frame.ep, beat: frame.beat });
    this.moved = Boolean(this.via) && this.via !== frame.via; // another network: the old path of the media is dead
    this.via = frame.via;
    this.set(frame.adm ? "in" : "waiting");
  }

  stand() { this.drop(); this.closed = true; this.set("elsewhere"); }
  useHere() { this.closed = false; this.take = true; this.tries = 0; this.set("reconnecting"); this.open(); }

  ended(code) {
    if (FINAL[code]) {
      this.closed = true;
      this.up = false;
      this.set(FINAL[code]);
      this.emit("over", FINAL[code]);
      if (code === 4401) document.dispatchEvent(new Event("signedout"));
    } else this.again(BRAKE.has(code) ? WAITS.length : 0);
  }

  drop() {
    const socket = this.socket;
    this.socket = null;
    if (!socket) return;
    socket.onopen = socket.onmessage = socket.onclose = null;
    socket.close();
  }

  again(atLeast = 0) {
    if (this.closed) return;
    this.drop();
    this.up = false;
    this.tries = Math.max(this.tries, atLeast);
    this.set(navigator.onLine ? "reconnecting" : "offline");
    const wait = WAITS[Math.min(this.tries++, WAITS.length - 1)];
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.open(), wait * (0.8 + Math.random() * 0.4));
  }

  nudge() {
    if (this.closed || this.state === "idle") return;
    if (this.up) this.probe();
    else { this.tries = 0; this.open(); }
  }

  // After a change of network a socket may look open and be dead.
  probe() {
    if (!this.up || this.probing) return;
    this.probing = true;
    const asked = performance.now();
    this.send({ t: "ping" });
    setTimeout(() => {
      this.probing = false;
      if (this.up && this.heard < asked) { this.tries = 0; this.again(); }
    }, PROBE_TIMEOUT);
  }

  watch() { if (this.up && performance.now() - this.heard > this.beat * 2500) this.again(); }

  send(frame) {
    if (!this.up || this.socket?.readyState !== WebSocket.OPEN) return false;
    this.socket.send(JSON.stringify(frame));
    return true;
  }

  leave() {
    this.send({ t: "bye" });
    this.closed = true;
    sessionStorage.removeItem(this.key);
  }
}
