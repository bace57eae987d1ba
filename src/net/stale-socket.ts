import { lstat, unlink } from "node:fs/promises";
import { connect } from "node:net";
import { errorCode } from "./socket-error.ts";

/** How long a unix socket's owner may take to answer before it counts as alive. */
const probeTimeout = 1000;

/** Why a path that is in use cannot be had, in words to put behind the error; undefined when it is free now. */
export async function recoverStaleSocket(path: string): Promise<string | undefined> {
  const status = await lstat(path);
  if (!status.isSocket()) return "; the path exists and is not a socket, it is left alone";
  if (await answers(path)) return "; another process answers on it";
  await unlink(path);
  return undefined;
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = connect({ path, timeout: probeTimeout });
    const settle = (alive: boolean) => {
      probe.destroy();
      resolve(alive);
    };
    probe.once("connect", () => settle(true));
    probe.once("timeout", () => settle(true));
    probe.once("error", (error) =>
      settle(errorCode(error) !== "ECONNREFUSED" && errorCode(error) !== "ENOENT"),
    );
  });
}
