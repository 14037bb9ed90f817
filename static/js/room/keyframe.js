// After a cut the picture stays frozen for want of a key frame: switching the encoder off and on makes one.
export async function keyFrame(pc) {
  for (const sender of pc.getSenders()) {
    if (sender.track?.kind !== "video" || !sender.getParameters().encodings?.[0]?.active) continue;
    for (const active of [false, true]) {
      const parameters = sender.getParameters();
      parameters.encodings[0].active = active;
      await sender.setParameters(parameters).catch(() => {}); // the connection may have closed meanwhile
    }
  }
}
