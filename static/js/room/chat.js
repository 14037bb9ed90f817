// The conversation in the panel: the log, one's own messages on their way, receipts, who is writing.
import { announce, clock, find, words } from "./words.js";

const NEAR = 80; // pixels from the end: whoever reads further up is not pulled down
const TYPING = 3000;

export class Chat {
  constructor({ room, socket, mesh, outbox }) {
    Object.assign(this, { room, socket, mesh, outbox, bubbles: new Map(), unread: 0 });
    this.list = find("[data-messages]");
    this.form = find("[data-composer]");
    this.field = find("textarea", this.form);
    this.field.value = sessionStorage.getItem(this.draftKey) ?? "";
    this.form.addEventListener("submit", (event) => { event.preventDefault(); this.send(); });
    this.field.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && !event.shiftKey && !event.isComposing) { event.preventDefault(); this.send(); }
    });
    this.field.addEventListener("input", () => this.typed());
    mesh.on("people", () => this.receipts());
    socket.on("typing", ({ pid }) => pid !== socket.me && this.writes());
    outbox.addEventListener("refused", ({ detail }) => this.failed(detail));
    document.addEventListener("visibilitychange", () => this.mark());
    for (const { path, body } of outbox.commands) if (path === "messages/") this.draw({ id: body.id, k: "chat", b: { x: body.text } }, true);
  }

  get draftKey() { return `room.draft.${this.room.dataset.room}`; }
  get open() { return Boolean(this.list.offsetParent) && !document.hidden; }

  send() {
    const text = this.field.value.trim();
    if (!text) return;
    this.field.value = "";
    this.typed();
    const id = this.outbox.put("messages/", { text });
    this.draw({ id, k: "chat", b: { x: text } }, true);
  }

  typed() {
    sessionStorage.setItem(this.draftKey, this.field.value);
    if (!this.field.value || performance.now() - (this.saidTyping ?? -TYPING) < TYPING) return;
    this.saidTyping = performance.now();
    this.socket.send({ t: "typing" });
  }

  writes() {
    const line = find("[data-typing]");
    line.hidden = false;
    clearTimeout(this.typingTimer);
    this.typingTimer = setTimeout(() => { line.hidden = true; }, TYPING + 1500);
  }

  event(event) {
    const mine = event.by === this.socket.me;
    this.draw(event, mine);
    if (event.k !== "chat" || mine) return;
    find("[data-typing]").hidden = true;
    if (this.open) announce(`${words("new-message", { name: this.room.dataset.other })}: ${event.b.x}`);
    else this.count(this.unread + 1);
  }

  draw(event, mine) {
    const atEnd = this.list.scrollHeight - this.list.scrollTop - this.list.clientHeight < NEAR;
    find("[data-empty]", this.list)?.remove();
    let row = this.bubbles.get(event.id);
    if (!row) {
      row = event.k === "chat" ? find("#bubble").content.firstElementChild.cloneNode(true) : document.createElement("p");
      this.bubbles.set(event.id, row);
    }
    if (event.k === "chat") this.fill(row, event, mine);
    else Object.assign(row, { className: "msg--sys", textContent: words(event.k, { hour: clock(event.at) }) });
    if (event.s) row.dataset.seq = event.s;
    // What is on its way stays below what is in the log.
    const waiting = [...this.list.children].find((other) => other !== row && !other.dataset.seq);
    if (!row.isConnected || event.s) this.list.insertBefore(row, event.s ? waiting ?? null : null);
    if (atEnd || mine) this.list.scrollTop = this.list.scrollHeight;
    this.receipts();
    this.mark();
  }

  fill(row, event, mine) {
    row.classList.toggle("msg--me", mine);
    find("p", row).textContent = event.b.x;
    find("[data-by]", row).textContent = [mine ? words("you") : this.room.dataset.other, event.at && clock(event.at)].filter(Boolean).join(", ");
    find("[data-state]", row).textContent = mine && !event.s ? ` · ${words("sending")}` : "";
  }

  receipts() {
    const other = this.mesh.others[0];
    if (!other) return;
    for (const row of this.list.querySelectorAll(".msg--me[data-seq]")) {
      const seq = Number(row.dataset.seq), word = seq <= other.r ? "read" : seq <= other.d ? "delivered" : "sent";
      find("[data-state]", row).textContent = ` · ${words(word)}`;
    }
  }

  failed({ command, problem }) {
    const row = this.bubbles.get(command.body.id);
    if (!row) return;
    row.classList.add("msg--failed");
    find("[data-state]", row).textContent = ` · ${words("not-sent")} ${problem?.detail ?? ""}`;
    if (!this.field.value) this.field.value = command.body.text;
  }

  // Delivered is what this page has; read is what somebody looks at.
  mark() {
    if (this.open) this.count(0);
    clearTimeout(this.markTimer);
    this.markTimer = setTimeout(() => {
      const last = this.last?.() ?? 0, cursor = { d: last, r: this.open ? last : 0 };
      const key = `${cursor.d}/${cursor.r}`;
      if (last && key !== this.marked && this.socket.state === "in" && this.socket.send({ t: "cur", ...cursor })) this.marked = key;
    }, 400);
  }

  count(number) {
    this.unread = number;
    const bubble = find("[data-unread]");
    bubble.hidden = !number;
    bubble.textContent = number;
    if (number) announce(words("new-message", { name: this.room.dataset.other }));
  }
}
