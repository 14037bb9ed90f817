// A conversation as a page: the end is in sight, Enter sends, the page follows, a draft is kept. Without this file it is
// a plain form.
import { find } from "./words.js";

const form = find("[data-thread]"), field = form && find("textarea", form), key = `thread.draft.${location.pathname}`;
const NEAR = 120; // pixels from the end: whoever reads further up is not pulled down

function toEnd() {
  const log = find("#thread");
  log.scrollTop = log.scrollHeight;
}

function follow() {
  const log = find("#thread");
  let atEnd = true;
  log.addEventListener("scroll", () => { atEnd = log.scrollHeight - log.scrollTop - log.clientHeight < NEAR; });
  new MutationObserver(() => { if (atEnd) toEnd(); }).observe(log, { childList: true, subtree: true });
}

async function send() {
  const failed = find("[data-failed]"), body = new FormData(form);
  if (!field.value.trim() || form.ariaBusy === "true") return;
  form.ariaBusy = "true";
  const response = await fetch(form.action, { method: "POST", body, credentials: "same-origin", signal: AbortSignal.timeout(10000) }).catch(() => null);
  form.ariaBusy = "false";
  failed.hidden = Boolean(response?.ok);
  if (!response?.ok) return; // the text and its id stay: sending again writes it once
  field.value = "";
  find("[name=client_id]", form).value = crypto.randomUUID();
  sessionStorage.removeItem(key);
  await htmx.ajax("GET", location.href, { source: "#thread", target: "#thread", swap: "outerMorph", select: "#thread" });
  toEnd();
}

toEnd();
follow();
if (form) {
  field.value ||= sessionStorage.getItem(key) ?? "";
  field.addEventListener("input", () => sessionStorage.setItem(key, field.value));
  field.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) { event.preventDefault(); send(); }
  });
  form.addEventListener("submit", (event) => { event.preventDefault(); send(); });
}
