// A field that searches while one types: the ARIA combobox with a list. What is chosen is told by the event "choose".
// Without script the button beside the field sends the form.
const SHORTEST = 3, PAUSE = 150;
let boxes = 0;

export function combobox(root) {
  if (root.dataset.started) return;
  root.dataset.started = "1";
  const input = root.querySelector("input[name=wanted]");
  const id = `combo-${++boxes}`;
  const list = Object.assign(document.createElement("div"), { className: "combo__list", id: `${id}-list`, hidden: true });
  const none = Object.assign(document.createElement("p"), { className: "combo__none", hidden: true });
  let rows = [], active = -1, timer, request;
  none.setAttribute("role", "status");
  list.setAttribute("role", "listbox");
  list.setAttribute("aria-label", root.querySelector("label").textContent);
  root.querySelector("[data-combo-plain]").hidden = true;
  root.querySelector(".combo__row").after(list, none);
  for (const [name, value] of Object.entries({ role: "combobox", "aria-autocomplete": "list", "aria-expanded": "false", "aria-controls": list.id })) input.setAttribute(name, value);

  function show(open) {
    list.hidden = !open;
    input.setAttribute("aria-expanded", String(open));
    if (!open) mark(-1);
  }

  function mark(index) {
    active = index;
    [...list.children].forEach((option, at) => option.setAttribute("aria-selected", String(at === index)));
    if (index < 0) input.removeAttribute("aria-activedescendant");
    else input.setAttribute("aria-activedescendant", list.children[index].id);
    list.children[index]?.scrollIntoView({ block: "nearest" });
  }

  function draw(found, sentence) {
    rows = found;
    list.replaceChildren(...rows.map((row, at) => {
      const option = Object.assign(document.createElement("div"), { id: `${id}-${at}` });
      option.setAttribute("role", "option");
      const label = document.createElement("span"), typed = input.value.trim().length;
      if (row.label.toLowerCase().startsWith(input.value.trim().toLowerCase())) {
        label.append(Object.assign(document.createElement("strong"), { textContent: row.label.slice(0, typed) }), row.label.slice(typed));
      } else label.textContent = row.label;
      option.append(label, Object.assign(document.createElement("small"), { textContent: row.detail }));
      option.addEventListener("pointerdown", (event) => { event.preventDefault(); choose(at); });
      return option;
    }));
    none.hidden = !sentence;
    none.textContent = sentence;
    show(rows.length > 0);
    if (rows.length) mark(0);
  }

  async function search() {
    const wanted = input.value.trim();
    request?.abort();
    if (wanted.length < SHORTEST) return draw([], "");
    request = new AbortController();
    try {
      const answer = await fetch(`${root.dataset.combo}?q=${encodeURIComponent(wanted)}`, { signal: request.signal, headers: { accept: "application/json" } });
      const found = await answer.json();
      draw(answer.ok ? found.results : [], answer.ok ? found.none : found.detail);
    } catch (error) {
      if (error.name !== "AbortError") draw([], "");
    }
  }

  function choose(at) {
    const row = rows[at];
    input.value = "";
    draw([], "");
    root.dispatchEvent(new CustomEvent("choose", { bubbles: true, detail: row }));
  }

  input.addEventListener("input", () => { clearTimeout(timer); timer = setTimeout(search, PAUSE); });
  input.addEventListener("blur", () => show(false));
  input.addEventListener("keydown", (event) => {
    const open = !list.hidden, last = rows.length - 1;
    if (event.key === "Enter") { event.preventDefault(); if (open && active >= 0) choose(active); else search(); }
    else if (event.key === "Escape" && open) { event.preventDefault(); show(false); }
    else if (event.key === "ArrowDown" && rows.length) { event.preventDefault(); show(true); mark(active >= last ? 0 : active + 1); }
    else if (event.key === "ArrowUp" && rows.length) { event.preventDefault(); show(true); mark(active <= 0 ? last : active - 1); }
  });
}
