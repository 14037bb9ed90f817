// How loud a microphone is, and sounds of our own. Nothing here is sent anywhere.
let context;
const audio = () => (context ??= new AudioContext());

// Calls back about eight times a second with a level from 0 to 5. Returns what ends it.
export function meter(track, heard) {
  const source = audio().createMediaStreamSource(new MediaStream([track])), analyser = audio().createAnalyser();
  const samples = new Float32Array(analyser.fftSize);
  source.connect(analyser);
  audio().resume();
  const timer = setInterval(() => {
    analyser.getFloatTimeDomainData(samples);
    const loudness = Math.sqrt(samples.reduce((sum, sample) => sum + sample * sample, 0) / samples.length);
    heard(Math.max(0, Math.min(5, Math.round((20 * Math.log10(loudness + 1e-6) + 62) / 8))));
  }, 120);
  return () => { clearInterval(timer); source.disconnect(); };
}

// Two soft notes, through the speaker that was chosen.
export async function chime(speaker = "") {
  const out = audio().createMediaStreamDestination(), player = new Audio();
  await audio().resume();
  player.srcObject = out.stream;
  if (speaker && player.setSinkId) await player.setSinkId(speaker).catch(() => {});
  [523.25, 659.25].forEach((frequency, nth) => {
    const note = new OscillatorNode(audio(), { frequency }), gain = new GainNode(audio(), { gain: 0 });
    const start = audio().currentTime + 0.05 + nth * 0.28;
    gain.gain.setTargetAtTime(0.25, start, 0.02);
    gain.gain.setTargetAtTime(0, start + 0.18, 0.12);
    note.connect(gain).connect(out);
    note.start(start);
    note.stop(start + 0.8);
  });
  await player.play();
}
