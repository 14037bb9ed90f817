// The base of the measurement: a bare socket.io server that passes a frame from one peer to another. No accounts, no
// rooms to check, no limits. Prints its port.
import { createServer } from "node:http";
import { createRequire } from "node:module";

const { Server } = createRequire(`${process.argv[2]}/`)("socket.io");
const http = createServer(), io = new Server(http, { transports: ["websocket"] });

io.on("connection", (socket) => {
  const me = socket.handshake.auth.me;
  socket.join(me);
  socket.on("rtc", (to, body) => socket.to(to).emit("rtc", { from: me, body }));
});
http.listen(0, "127.0.0.1", () => console.log(http.address().port));
