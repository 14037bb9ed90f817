// Passkeys: the browser makes or uses one, and a plain form takes its answer to the server.
// <form data-passkey="get|create" data-options="{…}" or data-options-url="…"> with a field "credential"; what may go
// wrong is written in the form, hidden, as <p data-passkey-error="NotAllowedError">; data-passkey-auto also offers the
// passkeys of this device in the list under the address field.
const FRESH = 200_000; // milliseconds; the server forgets a challenge after five minutes
const able = Boolean(window.PublicKeyCredential?.parseRequestOptionsFromJSON);
let waiting = new AbortController(); // what the browser is offering at the moment

let asked = { at: 0 }; // the options that the server gave, and when

const load = async (form) => {
  const headers = { "X-CSRFToken": form.elements.csrfmiddlewaretoken.value };
  const answer = await fetch(form.dataset.optionsUrl, { method: "POST", headers }).catch(() => ({ ok: false }));
  if (answer.ok) return answer.json();
  asked = { at: 0 };
  throw new DOMException("no options", "NetworkError");
};

const read = (form) => {
  if (form.dataset.options) return JSON.parse(form.dataset.options);
  if (Date.now() - asked.at > FRESH) asked = { at: Date.now(), options: load(form) };
  return asked.options;
};

const ask = async (form, mediation) => {
  waiting.abort();
  waiting = new AbortController();
  const { signal } = waiting;
  const options = await read(form);
  if (form.dataset.passkey === "create")
    return navigator.credentials.create({ signal, publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(options) });
  return navigator.credentials.get({ signal, mediation, publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(options) });
};

const send = (form, credential) => {
  form.elements.credential.value = JSON.stringify(credential);
  form.submit();
};

const complain = (form, name = "") => {
  const all = [...form.querySelectorAll("[data-passkey-error]")];
  const chosen = all.find((line) => line.dataset.passkeyError === name) ?? all.at(-1);
  for (const line of all) line.hidden = !name || line !== chosen;
};

for (const form of document.querySelectorAll("form[data-passkey]")) {
  if (!able) {
    for (const part of [form, ...document.querySelectorAll("[data-passkey-only]")]) part.hidden = true;
    continue;
  }
  const button = form.querySelector("button");
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    complain(form);
    button.setAttribute("aria-disabled", "true");
    try {
      send(form, await ask(form, "optional"));
    } catch (error) {
      if (error.name !== "AbortError") complain(form, error.name);
      button.removeAttribute("aria-disabled");
    }
  });
}

const form = document.querySelector("form[data-passkey-auto]");
const offer = () => {
  if (!document.hidden) ask(form, "conditional").then((credential) => send(form, credential)).catch(() => {}); // asked in silence
};
if (able && form && (await PublicKeyCredential.isConditionalMediationAvailable?.())) {
  offer();
  setInterval(offer, FRESH + 1000);
}
