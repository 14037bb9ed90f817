// How good the line to the clinic is: how quickly it answers and how much comes through. Rough, and said so in words.
const GOOD = 150, FAIR = 400; // milliseconds until an answer
const ENOUGH = 1.5, LITTLE = 0.5; // Mbit/s

const timed = async (url) => {
  const start = performance.now(), response = await fetch(url, { cache: "no-store", credentials: "omit", signal: AbortSignal.timeout(8000) });
  const size = (await response.arrayBuffer()).byteLength;
  return { wait: performance.now() - start, size };
};

// Returns {level: "good" | "fair" | "weak" | "none", wait (ms), speed (Mbit/s)}.
export async function line(ping, sample) {
  try {
    const waits = [];
    for (let nth = 0; nth < 5; nth++) waits.push((await timed(ping)).wait);
    const wait = waits.sort((a, b) => a - b)[2], answer = await timed(sample);
    const speed = (answer.size * 8) / 1000 / Math.max(1, answer.wait - wait);
    const level = wait < GOOD && speed > ENOUGH ? "good" : wait < FAIR && speed > LITTLE ? "fair" : "weak";
    return { level, wait: Math.round(wait), speed };
  } catch {
    return { level: "none", wait: 0, speed: 0 };
  }
}
