/** An address that takes no connection and refuses none: SYNs to it are dropped, as by a firewall or a dead machine. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { connect } from "node:net";

export interface BlackHole extends AsyncDisposable {
  readonly port: number;
}

const listen = `
  const server = require("node:net").createServer().listen({ port: 0, host: "127.0.0.1", backlog: 1 });
  server.on("listening", () => console.log(server.address().port));
`;

/** A process that is stopped and so accepts nothing, its queue of accepted connections full. */
export async function startBlackHole(): Promise<BlackHole> {
  const child = spawn(process.execPath, ["-e", listen], { stdio: ["ignore", "pipe", "inherit"] });
  const [line] = (await once(child.stdout, "data")) as [Buffer];
  const port = Number(line.toString());
  child.kill("SIGSTOP");
  // a backlog of 1 holds two: tcp_v4_conn_request() drops what comes then
  const fillers = [connect(port, "127.0.0.1"), connect(port, "127.0.0.1")];
  for (const filler of fillers) filler.on("error", () => {});
  await Promise.all(fillers.map((filler) => once(filler, "connect")));
  return {
    port,
    [Symbol.asyncDispose]: async () => {
      for (const filler of fillers) filler.destroy();
      child.kill("SIGKILL");
      await once(child, "close");
    },
  };
}
