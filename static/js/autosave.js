// Saves a form a moment after it was changed, one request at a time, again and again until it arrives. A button of the form
// waits until everything typed before it is saved.
const PAUSE = 1200, AGAIN = 5000;

export function autosave(form, send) {
  let timer, busy = null, dirty = false;

  function touch(wait = PAUSE) {
    dirty = true;
    clearTimeout(timer);
    timer = setTimeout(flush, wait);
  }

  async function flush() {
    clearTimeout(timer);
    if (busy) await busy;
    if (!dirty) return;
    dirty = false;
    busy = send().catch(() => { touch(AGAIN); });
    await busy;
    busy = null;
  }

  form.addEventListener("input", (event) => { if (event.target.name !== "wanted") touch(); });
  form.addEventListener("change", (event) => { if (event.target.name !== "wanted") touch(); });
  form.addEventListener("submit", async (event) => {
    if (!busy && !dirty) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    await flush();
    dirty = false; // what did not arrive goes with the form itself
    form.requestSubmit(event.submitter);
  }, true);
  document.addEventListener("visibilitychange", () => { if (document.hidden && dirty) flush(); });
  return { touch, stop: () => { clearTimeout(timer); dirty = false; } };
}
