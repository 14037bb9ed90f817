// Commands that must last: kept in this tab until the server has answered, sent again after every cut, in order. The id
// is made here, so that sending twice changes nothing. Events: done {command, answer}, refused {command, problem}.
const WAITS = [500, 1000, 2000, 4000, 8000];

export class Outbox extends EventTarget {
  constructor(base) {
    super();
    this.base = base;
    this.key = `room.outbox.${base}`;
    this.tries = 0;
    try { this.commands = JSON.parse(sessionStorage.getItem(this.key)) ?? []; } catch { this.commands = []; }
    addEventListener("online", () => this.flush());
  }

  put(path, facts = {}) {
    const command = { path, body: { id: crypto.randomUUID(), ...facts } };
    this.commands.push(command);
    this.keep();
    this.flush();
    return command.body.id;
  }

  // The log shows that it arrived, though the answer may have been lost.
  seen(id) {
    if (!this.commands.some((command) => command.body.id === id)) return;
    this.commands = this.commands.filter((command) => command.body.id !== id);
    this.keep();
  }

  keep() { sessionStorage.setItem(this.key, JSON.stringify(this.commands)); }

  async flush() {
    if (this.busy || !this.commands.length) return;
    this.busy = true;
    clearTimeout(this.timer);
    const command = this.commands[0], verdict = await this.send(command);
    this.busy = false;
    if (verdict === "later") {
      this.timer = setTimeout(() => this.flush(), WAITS[Math.min(this.tries++, WAITS.length - 1)]);
      return;
    }
    this.tries = 0;
    this.seen(command.body.id);
    this.dispatchEvent(new CustomEvent(verdict.refused ? "refused" : "done", { detail: { command, ...verdict } }));
    this.flush();
  }

  async send(command) {
    try {
      const response = await fetch(this.base + command.path, {
        method: "POST", credentials: "same-origin", signal: AbortSignal.timeout(10000), body: JSON.stringify(command.body),
        headers: { "Content-Type": "application/json", "X-CSRFToken": document.body.dataset.csrf },
      });
      if (response.status === 401) this.dispatchEvent(new Event("signin"));
      if ([401, 429].includes(response.status) || response.status >= 500) return "later";
      const answer = await response.json().catch(() => null);
      return response.ok ? { answer } : { refused: true, problem: answer };
    } catch {
      return "later";
    }
  }
}
