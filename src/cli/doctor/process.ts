import { refuseUnsafeEnvironment, UnsafeEnvironment } from "../../app/environment-guard.ts";
import type { Finding } from "./finding.ts";

/** The process that would run: its versions, its user, its environment. */
export async function examineProcess(): Promise<readonly Finding[]> {
  const { node, openssl } = process.versions;
  return [
    {
      verdict: "ok",
      area: "process",
      text: `Node ${node}, OpenSSL ${openssl}, ${process.platform} ${process.arch}`,
    },
    environment(),
    ...user(),
  ];
}

function environment(): Finding {
  try {
    refuseUnsafeEnvironment(process.env, process.execArgv);
    return { verdict: "ok", area: "process", text: "the environment leaves TLS as it is" };
  } catch (error) {
    if (!(error instanceof UnsafeEnvironment)) throw error;
    const [text = "", remedy = ""] = error.message.split("; ");
    return { verdict: "fail", area: "process", text, remedy };
  }
}

function user(): readonly Finding[] {
  if (process.getuid?.() !== 0) return [];
  return [
    {
      verdict: "warn",
      area: "process",
      text: "you are root, and so would be the program",
      remedy: "run it as a user of its own; CAP_NET_BIND_SERVICE is all that ports below 1024 need",
    },
  ];
}
