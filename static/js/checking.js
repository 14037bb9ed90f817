// The page that waits for the news of a payment: it asks in the background and moves on when there is an answer.
// Without this file the page reloads itself.
const WAITS = [1500, 2000, 2500, 3000, 5000];
let asked = 0;

async function ask() {
  try {
    const answer = await fetch(location.href, { headers: { Accept: "text/html", "X-Background": "1" } });
    if (answer.redirected || !(await answer.text()).includes('id="checking"')) {
      location.replace(answer.url);
      return;
    }
  } catch {
    // No connection: the next question may get through.
  }
  wait();
}

function wait() {
  setTimeout(ask, WAITS[Math.min(asked++, WAITS.length - 1)]);
}

wait();
