// The doctor's note: saved while it is typed. When another window saved first, both versions are shown and one chooses.
import { autosave } from "./autosave.js";
import { combobox } from "./combobox.js";

const TEXTS = ["complaint", "findings", "plan"];

export function start(root = document) {
  for (const form of root.querySelectorAll("form[data-note]:not([data-started])")) note(form);
}

function note(form) {
  form.dataset.started = "1";
  const desk = form.closest(".desk"), status = desk.querySelector("[data-saved]"), newer = desk.querySelector("[data-newer]");
  const chosen = form.querySelector("[data-dx]"), blank = form.querySelector("[data-dx-row]");
  const words = form.dataset;
  const saving = autosave(form, save);
  let choosing = false; // between two versions: nothing is saved until then

  function content() {
    return {
      revision: Number(form.elements.revision.value),
      ...Object.fromEntries(TEXTS.map((name) => [name, form.elements[name].value])),
      diagnoses: [...chosen.children].map((row) => ({
        code: row.querySelector("[name=diagnosis]").value, provisional: row.querySelector("[name=provisional]").checked,
      })),
    };
  }

  async function save() {
    if (choosing) return;
    status.textContent = words.saving;
    let answer;
    try {
      answer = await fetch(words.note, {
        method: "PUT", keepalive: true, body: JSON.stringify(content()),
        headers: { "content-type": "application/json", "x-csrftoken": form.elements.csrfmiddlewaretoken.value },
      });
    } catch (error) {
      status.textContent = words.offline;
      throw error;
    }
    const said = await answer.json();
    if (answer.ok) {
      form.elements.revision.value = said.revision;
      status.textContent = words.savedWords.replace("%s", said.saved);
    } else if (answer.status === 409 && said.current) compare(said.current);
    else status.textContent = answer.status === 401 ? words.signedOut : said.detail;
  }

  function compare(theirs) {
    choosing = true;
    status.textContent = "";
    for (const name of TEXTS) newer.querySelector(`[data-newer-${name}]`).textContent = theirs[name];
    newer.querySelector("[data-newer-at]").textContent = theirs.saved;
    newer.querySelector("[data-newer-diagnoses]").textContent = theirs.diagnoses.map((row) => `${row.name} (${row.code})`).join("; ");
    const [mine, other] = [newer.querySelector("[data-newer-mine]"), newer.querySelector("[data-newer-theirs]")];
    mine.hidden = other.hidden = newer.hidden = false;
    newer.querySelector("[tabindex]").focus();
    mine.onclick = () => { settle(theirs); saving.touch(0); };
    other.onclick = () => {
      settle(theirs);
      for (const name of TEXTS) form.elements[name].value = theirs[name];
      chosen.replaceChildren(...theirs.diagnoses.map(row));
      saving.stop();
      status.textContent = words.savedWords.replace("%s", theirs.saved);
    };
  }

  function settle(theirs) {
    choosing = false;
    form.elements.revision.value = theirs.revision;
    newer.hidden = true;
    form.elements.complaint.focus();
  }

  function row({ code, name, provisional }) {
    const item = blank.content.firstElementChild.cloneNode(true);
    for (const field of item.querySelectorAll("[name]")) field.value = code;
    item.querySelector("[name=provisional]").checked = provisional;
    item.querySelector("[data-dx-name]").textContent = name;
    item.querySelector("[data-dx-code]").textContent = code;
    item.querySelector("button .vh").textContent += ` ${name}`;
    return item;
  }

  for (const box of form.querySelectorAll("[data-combo]")) combobox(box);
  form.addEventListener("choose", ({ detail }) => {
    if (content().diagnoses.some(({ code }) => code === detail.value)) return;
    chosen.append(row({ code: detail.value, name: detail.label, provisional: true }));
    saving.touch(0);
  });
  chosen.addEventListener("click", (event) => {
    const button = event.target.closest("[name=remove]");
    if (!button) return;
    event.preventDefault();
    button.closest("li").remove();
    form.querySelector("input[name=wanted]").focus();
    saving.touch(0);
  });
}

start();
