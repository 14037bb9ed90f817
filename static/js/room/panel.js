// The side panel: open beside a wide stage, a sheet over a narrow one; tabs by the rules of WAI-ARIA.
import { find, findAll } from "./words.js";

const WIDE = matchMedia("(min-width: 60rem)");

export class Panel {
  constructor(call, changed) {
    Object.assign(this, { call, changed, button: find("[data-panel-button]"), tabs: findAll("[role=tab]", call) });
    this.button.addEventListener("click", () => this.open(!this.isOpen));
    find("[data-panel-close]").addEventListener("click", () => { this.open(false); this.button.focus(); });
    for (const tab of this.tabs) {
      tab.addEventListener("click", () => this.choose(tab));
      tab.addEventListener("keydown", (event) => this.move(event, tab));
    }
    call.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && !WIDE.matches && this.isOpen) { this.open(false); this.button.focus(); }
    });
    WIDE.addEventListener("change", () => this.tell());
    this.tell();
  }

  get isOpen() { return this.call.dataset.side === "auto" ? WIDE.matches : this.call.dataset.side === "open"; }

  open(wanted) {
    this.call.dataset.side = wanted ? "open" : "closed";
    this.tell();
    if (wanted && !WIDE.matches) this.tabs.find((tab) => tab.ariaSelected === "true")?.focus();
  }

  tell() {
    this.button.setAttribute("aria-expanded", String(this.isOpen));
    this.changed();
  }

  choose(chosen) {
    for (const tab of this.tabs) {
      tab.setAttribute("aria-selected", String(tab === chosen));
      tab.tabIndex = tab === chosen ? 0 : -1;
      document.getElementById(tab.getAttribute("aria-controls")).hidden = tab !== chosen;
    }
    this.changed();
  }

  move(event, tab) {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key] * (document.dir === "rtl" ? -1 : 1);
    const at = this.tabs.indexOf(tab), to = { Home: 0, End: this.tabs.length - 1 }[event.key] ?? (at + step + this.tabs.length) % this.tabs.length;
    if (Number.isNaN(to)) return;
    event.preventDefault();
    this.choose(this.tabs[to]);
    this.tabs[to].focus();
  }
}
