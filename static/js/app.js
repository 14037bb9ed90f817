// Enhancements of every page. Each page works without this file.
const $$ = (selector, root = document) => [...root.querySelectorAll(selector)];

// ---- the theme: the server reads the cookie and writes <html data-theme>; here only the instant switch
for (const button of $$("[data-theme-toggle]")) {
  button.hidden = false;
  button.addEventListener("click", () => {
    const root = document.documentElement;
    const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.theme = dark ? "light" : "dark";
    document.cookie = `theme=${root.dataset.theme};path=/;max-age=31536000;samesite=lax`;
  });
}

// ---- the time zone of this device: pages of people who are not signed in use it, profiles start with it
const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
const { zone: shown, zoneCookie } = document.body.dataset;
if (zone && zoneCookie) {
  const secure = location.protocol === "https:" ? ";secure" : "";
  document.cookie = `${zoneCookie}=${zone};path=/;max-age=31536000;samesite=lax${secure}`;
  for (const input of $$("input[data-device-zone]")) input.value = zone;
  for (const ask of $$("[data-zone-ask]")) ask.hidden = zone === shown || sessionStorage.zoneAsked === zone;
  for (const no of $$("[data-zone-keep]")) no.addEventListener("click", () => {
    sessionStorage.zoneAsked = zone;
    no.closest("[data-zone-ask]").hidden = true;
  });
}

// ---- count-downs tick silently; at zero the page asks the server what is true now
for (const element of $$("[data-countdown]")) {
  const end = Date.now() + element.dataset.countdown * 1000;
  const timer = setInterval(() => {
    const left = Math.max(0, Math.round((end - Date.now()) / 1000));
    element.textContent = `${Math.floor(left / 60)}:${String(left % 60).padStart(2, "0")}`;
    if (left === Number(element.dataset.warn ?? -1)) for (const notice of $$("[data-countdown-warning]")) notice.hidden = false;
    if (left > 0) return;
    clearInterval(timer);
    if ("reload" in element.dataset) location.reload();
  }, 1000);
}

// ---- after an error the keyboard is at the summary, and its links reach the fields
document.querySelector("[data-focus]")?.focus();

// ---- a form is sent once; coming Back makes it usable again
for (const form of $$("form[method=post]:not([data-many])")) {
  form.addEventListener("submit", (event) => {
    if (form.dataset.sent) event.preventDefault();
    form.dataset.sent = "1";
  });
}
addEventListener("pageshow", () => $$("form[data-sent]").forEach((form) => delete form.dataset.sent));

// ---- a choice that is an answer by itself
for (const input of $$("[data-submit]")) input.addEventListener("change", () => input.form.requestSubmit());

// ---- menus and dialogs that a button opens
for (const button of $$("[data-opens]")) {
  const dialog = document.getElementById(button.dataset.opens);
  button.addEventListener("click", () => dialog.showModal());
  dialog?.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
}
for (const button of $$("[data-closes]")) button.addEventListener("click", () => button.closest("dialog").close());

if ("serviceWorker" in navigator) navigator.serviceWorker.register("/sw.js").catch(() => {});
