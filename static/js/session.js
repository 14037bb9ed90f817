// The end of a session, in the page: a warning before it, and then a word instead of the data that was shown. What was typed
// stays in the page. The server knows the truth; other tabs of this browser follow.
const dialog = document.getElementById("session-end");
const { url, person } = dialog.dataset, WARN = dialog.dataset.warn * 1000;
const SIGN_EVERY = 60_000; // somebody who types or scrolls says so to the server, at most once a minute
const tabs = new BroadcastChannel("session");
const [clock, said, lost] = ["clock", "said", "lost"].map((name) => dialog.querySelector(`[data-session-${name}]`));
document.body.dataset.csrf ??= dialog.querySelector("input[name=csrfmiddlewaretoken]").value; // the back office has no other place for it
let ends = Date.now() + dialog.dataset.left * 1000, last = false, state = "", asking = false, signed = Date.now();

function show(next) {
  if (state === next) return;
  state = next;
  for (const part of dialog.querySelectorAll("[data-session]")) part.hidden = !part.dataset.session.split(" ").includes(next);
  dialog.toggleAttribute("data-over", next === "over");
  lost.hidden = true;
  said.textContent = "";
  if (!next) return dialog.close();
  if (!dialog.open) dialog.showModal();
  dialog.querySelector(`.btn[data-session=${next}]`).focus();
}

// What the server says, here or in another tab. A form on this page needs the token of the present session.
function take(facts) {
  if (facts.person !== person) return location.replace("/start/");
  ends = Date.now() + facts.left * 1000;
  last = facts.last;
  if (facts.csrf) {
    document.body.dataset.csrf = facts.csrf;
    for (const input of document.querySelectorAll("input[name=csrfmiddlewaretoken]")) input.value = facts.csrf;
  }
  if (facts.left * 1000 > WARN) show("");
}

// A GET only asks; a POST says that somebody is here.
async function ask(method = "GET") {
  if (asking) return;
  asking = true;
  const headers = method === "GET" ? { "X-Background": "1" } : { "X-CSRFToken": document.body.dataset.csrf };
  let status = 0;
  try {
    const answer = await fetch(url, { method, headers, signal: AbortSignal.timeout(8000) });
    status = answer.status;
    if (answer.ok) {
      const facts = await answer.json();
      take(facts);
      tabs.postMessage(facts);
    }
  } catch {
    // No connection: nothing is known, and nothing more is shown than before.
  }
  asking = false;
  lost.hidden = status !== 0;
  if (status === 401) over();
  if (status === 403 && method === "POST") await ask(); // the token is of an older session
}

function over() {
  ends = 0;
  show("over");
}

// The page asks before it warns: a call, or another tab, may have kept the session.
async function tick() {
  if (state === "over") return;
  if (ends - Date.now() > WARN) return show("");
  if (!state || Date.now() > ends) await ask();
  const seconds = Math.round((ends - Date.now()) / 1000);
  if (seconds * 1000 > WARN || state === "over") return;
  if (seconds <= 0) return over();
  if (!state) {
    show(last ? "last" : "idle");
    said.textContent = said.dataset.minutes;
  }
  clock.textContent = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
  if (seconds === 30) said.textContent = said.dataset.seconds;
}

function sign(event) {
  if (!event.isTrusted || dialog.open || Date.now() - signed < SIGN_EVERY) return;
  signed = Date.now();
  ask("POST");
}

for (const name of ["keydown", "pointerdown", "input", "wheel"]) addEventListener(name, sign, { passive: true, capture: true });
dialog.querySelector("[data-session-stay]").addEventListener("click", () => ask("POST"));
dialog.querySelector("[data-closes]").addEventListener("click", () => dialog.close());
dialog.addEventListener("cancel", (event) => event.preventDefault()); // Escape is no answer
dialog.addEventListener("close", () => { if (state === "last") state = "warned"; }); // once is enough
tabs.onmessage = ({ data }) => { if (state === "over") ask(); else take(data); };
document.addEventListener("signedout", () => ask()); // a socket was closed because of it
document.addEventListener("visibilitychange", () => { if (!document.hidden && (state || ends - Date.now() < WARN)) ask(); });
addEventListener("pageshow", (event) => { if (event.persisted) ask(); });
setInterval(tick, 1000);
tabs.postMessage({ person, left: Number(dialog.dataset.left), last: false }); // this page was a sign of the person
