// Every word comes from the page: <template id="words"><span data-word="name">…</span></template>, with {facts} in it.
const page = document.getElementById("words");
const all = new Map([...(page?.content.children ?? [])].map((element) => [element.dataset.word, element.textContent.trim()]));

export const words = (name, facts = {}) => (all.get(name) ?? "").replace(/\{(\w+)\}/g, (_, key) => facts[key] ?? "");
export const find = (selector, root = document) => root.querySelector(selector);
export const findAll = (selector, root = document) => [...root.querySelectorAll(selector)];

// Said politely to screen readers, and nowhere else.
export function announce(text) {
  const region = find("[data-announce]");
  if (region && text) region.textContent = text;
}

// Shows the one element of a group whose data attribute has this value; "" shows none.
export function show(group, value, root = document) {
  for (const element of findAll(`[data-${group}]`, root)) element.hidden = element.getAttribute(`data-${group}`) !== value;
}

export const clock = (moment) => new Intl.DateTimeFormat(find("[data-locale]")?.dataset.locale || document.documentElement.lang, {
  timeStyle: "short", timeZone: document.body.dataset.zone || undefined,
}).format(new Date(moment));
