// The log of the consultation as this page knows it: in order, each event once. An event that is ahead of a gap waits,
// and "gap" says that something is missing. Events: event, gap.
export class Log extends EventTarget {
  last = 0;
  ahead = new Map();

  take(event) {
    if (event.s <= this.last) return;
    this.ahead.set(event.s, event);
    for (let next; (next = this.ahead.get(this.last + 1)); ) {
      this.ahead.delete(next.s);
      this.last = next.s;
      this.dispatchEvent(new CustomEvent("event", { detail: next }));
    }
    if (this.ahead.size) this.miss();
  }

  takeAll({ events, more }) {
    for (const event of events) this.take(event);
    if (more) this.miss();
  }

  // The server says how far the log goes: is anything missing here?
  compare(head) { if (head > this.last) this.miss(); }

  miss() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.dispatchEvent(new Event("gap")), 50);
  }
}
