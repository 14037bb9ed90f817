// How good the line is, in a word, and what we do about it: a smaller picture, then no picture, so that the sound stays.
// A level is left slowly and entered quickly enough (design: fallback ladder).
const STEPS = [
  { scale: 1, rate: 30, bits: 1_500_000 },
  { scale: 2, rate: 15, bits: 350_000 },
  { scale: 4, rate: 15, bits: 150_000 },
];
const WARM = 10_000; // milliseconds in which the estimate of a new connection still rises
const PAUSED = STEPS.length;
const WORSE = { bits: 350_000, loss: 0.05, seconds: 4 }, BETTER = { bits: 600_000, loss: 0.02, seconds: 15 };
const TOO_BAD = { bits: 120_000, loss: 0.12, delay: 0.8, seconds: 5 }, GOOD_AGAIN = { bits: 250_000, loss: 0.05, seconds: 20 };

export class Quality extends EventTarget {
  constructor() {
    super();
    Object.assign(this, { step: 0, level: "good", since: {}, before: {}, at: 0, tuned: 0 });
  }

  // Called with the statistics of the connection; looks once a second. Events: level, step.
  look({ peer, stats }) {
    const now = performance.now();
    if (!stats || now - this.at < 950) return;
    const seconds = this.at ? (now - this.at) / 1000 : 1, seen = this.read(stats);
    this.at = now;
    this.judge(seen);
    this.climb(peer, seen, seconds);
  }

  read(stats) {
    const rows = [...stats.values()], pair = rows.find((row) => row.type === "candidate-pair" && row.nominated && row.state === "succeeded");
    const incoming = rows.filter((row) => row.type === "inbound-rtp"), reports = rows.filter((row) => row.type === "remote-inbound-rtp");
    const total = (key) => incoming.reduce((sum, row) => sum + (row[key] ?? 0), 0);
    const [lost, received] = [this.grown("lost", total("packetsLost")), this.grown("received", total("packetsReceived"))];
    return {
      lossIn: lost / Math.max(1, lost + received),
      lossOut: Math.max(0, ...reports.map((row) => row.fractionLost ?? 0)),
      freezes: this.grown("freezes", total("freezeCount")),
      delay: pair?.currentRoundTripTime ?? 0,
      bits: pair?.availableOutgoingBitrate ?? Infinity,
      picture: rows.some((row) => row.type === "outbound-rtp" && row.kind === "video" && row.active !== false && row.framesEncoded),
    };
  }

  grown(name, value) {
    const grown = Math.max(0, value - (this.before[name] ?? value));
    this.before[name] = value;
    return grown;
  }

  judge({ lossIn, lossOut, delay, freezes }) {
    const loss = Math.max(lossIn, lossOut);
    const bad = loss > 0.08 || delay > 0.6 || freezes > 1, soso = loss > 0.03 || delay > 0.3 || freezes > 0;
    this.hold("weak", bad, 3, () => this.say("weak"));
    this.hold("fair", soso && !bad, 3, () => this.say("fair"));
    this.hold("good", !soso, 5, () => this.say("good"));
  }

  say(level) {
    if (level === this.level) return;
    this.level = level;
    this.dispatchEvent(new CustomEvent("level", { detail: level }));
  }

  // Calls ``then`` when ``fact`` was true for so many seconds without a break.
  hold(name, fact, seconds, then) {
    if (!fact) { delete this.since[name]; return; }
    this.since[name] ??= performance.now();
    if (performance.now() - this.since[name] < seconds * 1000) return;
    delete this.since[name];
    then();
  }

  climb(peer, { bits, lossOut, delay, picture }) {
    if (performance.now() - this.tuned < WARM) return;
    const to = (step) => () => this.go(peer, step);
    if (this.step < PAUSED && picture) {
      this.hold("pause", bits < TOO_BAD.bits || lossOut > TOO_BAD.loss || delay > TOO_BAD.delay, TOO_BAD.seconds, to(PAUSED));
      if (this.step + 1 < PAUSED) this.hold("lower", bits < WORSE.bits || lossOut > WORSE.loss, WORSE.seconds, to(this.step + 1));
      if (this.step > 0) this.hold("higher", bits > BETTER.bits && lossOut < BETTER.loss, BETTER.seconds, to(this.step - 1));
    }
    if (this.step === PAUSED) this.hold("resume", bits > GOOD_AGAIN.bits && lossOut < GOOD_AGAIN.loss, GOOD_AGAIN.seconds, to(PAUSED - 1));
  }

  async go(peer, step) {
    const was = this.step;
    this.step = step;
    this.since = {};
    await this.apply(peer);
    this.dispatchEvent(new CustomEvent("step", { detail: { step, was, paused: step === PAUSED } }));
  }

  // Also for a new connection, which begins with the picture at its best.
  async apply(peer) {
    this.tuned = performance.now();
    const sender = peer.sender("camera"), parameters = sender?.getParameters();
    if (!parameters?.encodings?.length) return;
    const { scale, rate, bits } = STEPS[Math.min(this.step, PAUSED - 1)];
    Object.assign(parameters.encodings[0], { active: this.step < PAUSED, scaleResolutionDownBy: scale, maxFramerate: rate, maxBitrate: bits });
    parameters.degradationPreference = "maintain-framerate";
    await sender.setParameters(parameters).catch(() => {});
  }
}
