// The prescription builder: the draft is saved as one goes, and the server answers with the sentence of each line, what the
// checks say, the counted supply and the preview. The same form works without this file.
import { autosave } from "./autosave.js";
import { combobox } from "./combobox.js";

export function start(root = document) {
  for (const form of root.querySelectorAll("[data-rx] form.rx:not([data-started])")) builder(form);
}

function builder(form) {
  form.dataset.started = "1";
  const desk = form.closest("[data-rx]");
  const saving = autosave(form, save);

  function say(words) {
    desk.querySelector("[data-part=saved]").textContent = words;
  }

  async function save() {
    const body = new FormData(form);
    for (const name of ["wanted", "add"]) body.delete(name); // these are for the buttons
    body.set("save", "1");
    let answer;
    try {
      answer = await fetch(form.action, { method: "POST", body });
    } catch (error) {
      say(desk.dataset.offline);
      throw error;
    }
    const page = new DOMParser().parseFromString(await answer.text(), "text/html").querySelector("[data-rx]");
    if (!page) say(answer.redirected ? desk.dataset.signedOut : desk.dataset.offline);
    else if (answer.status === 409) replace(page);
    else refresh(page, answer);
  }

  function refresh(page, answer) {
    if (answer.redirected) moved(answer.url);
    form.elements.revision.value = page.querySelector("[name=revision]").value;
    for (const part of desk.querySelectorAll("[data-part]:not(input)")) {
      const fresh = page.querySelector(`[data-part="${part.dataset.part}"]`);
      if (fresh && fresh.innerHTML !== part.innerHTML && !part.contains(document.activeElement)) part.innerHTML = fresh.innerHTML;
    }
    for (const field of form.querySelectorAll("input[name$='-quantity']")) {
      const fresh = page.querySelector(`[name="${field.name}"]`);
      if (fresh && field !== document.activeElement) field.value = fresh.value;
    }
    for (const field of form.querySelectorAll(".field--error, .dose > .field")) {
      const control = field.querySelector("[name]");
      const wrong = page.querySelector(`.field--error [name="${control?.name}"]`);
      field.classList.toggle("field--error", Boolean(wrong));
      control?.toggleAttribute("aria-invalid", Boolean(wrong));
    }
  }

  // The first change of a new prescription gave it an address of its own.
  function moved(url) {
    form.action = url;
    if (!desk.closest("[data-panel]")) history.replaceState(null, "", url);
  }

  function replace(page) {
    desk.replaceWith(document.adoptNode(page));
    start(page.parentElement);
    page.querySelector("[data-focus]")?.focus();
  }

  for (const box of form.querySelectorAll("[data-combo]")) combobox(box);
  form.addEventListener("choose", ({ detail }) => {
    form.append(Object.assign(document.createElement("input"), { type: "hidden", name: "add", value: detail.value }));
    form.requestSubmit();
  });
}

start();
