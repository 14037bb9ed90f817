// The doctor's desk in a panel of the call. Its links and forms stay inside the panel, so that the call goes on.
import { start as startNotes } from "./note.js";
import { start as startPrescriptions } from "./rx.js";

for (const panel of document.querySelectorAll("[data-panel]:not([data-started])")) {
  panel.dataset.started = "1";
  const home = panel.firstElementChild;
  const seen = new IntersectionObserver(([entry]) => {
    if (!entry.isIntersecting) return;
    seen.disconnect();
    visit(panel, panel.dataset.panel);
  });
  seen.observe(home);
  panel.addEventListener("click", (event) => {
    const link = event.target.closest("a[href]");
    if (!link || link.getAttribute("href").startsWith("#") || link.target) return;
    event.preventDefault();
    if (new URL(link.href).searchParams.has("panel")) visit(panel, link.href);
    else window.open(link.href, "_blank", "noopener");
  });
  panel.addEventListener("submit", (event) => {
    if (event.defaultPrevented) return;
    event.preventDefault();
    const body = new FormData(event.target, event.submitter);
    visit(panel, event.target.action, { method: "POST", body });
  });
}

async function visit(panel, url, options = {}) {
  panel.setAttribute("aria-busy", "true");
  try {
    const answer = await fetch(url, options);
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const wanted = page.querySelector(".desk");
    if (!wanted) return window.open(answer.url, "_blank", "noopener");
    panel.replaceChildren(...page.body.childNodes);
    startNotes(panel);
    startPrescriptions(panel);
    (panel.querySelector("[data-focus]") ?? target(panel, answer.url))?.focus();
  } finally {
    panel.removeAttribute("aria-busy");
  }
}

// Where the answer points to ("#item-…"), else its heading.
function target(panel, url) {
  const { hash } = new URL(url);
  const found = (hash && panel.querySelector(hash)) || panel.querySelector("h1, h2");
  found?.setAttribute("tabindex", "-1");
  return found;
}
