import { execFile } from "node:child_process";
import { statSync } from "node:fs";
import { promisify } from "node:util";
import { type Finding, patience } from "./finding.ts";

/** Certificates are judged by the clock. */
export async function examineClock(): Promise<readonly Finding[]> {
  const now = new Date();
  const text = `it is ${now.toISOString()}`;
  // a file of this program cannot be older than it says
  const written = statSync(new URL("../../../package.json", import.meta.url)).mtime;
  if (written.getTime() - now.getTime() > 86_400_000)
    return [
      {
        verdict: "fail",
        area: "clock",
        text: `${text}, but this program was installed on ${written.toISOString()}`,
        remedy: "set the clock; certificates will seem not yet valid",
      },
    ];
  return [synchronised(text, await answerOf("timedatectl", ["show", "-p", "NTPSynchronized", "--value"]))];
}

function synchronised(text: string, answer: string | undefined): Finding {
  if (answer === "yes") return { verdict: "ok", area: "clock", text: `${text}, synchronised` };
  if (answer !== "no")
    return { verdict: "ok", area: "clock", text: `${text}; whether it is synchronised cannot be told here` };
  return {
    verdict: "warn",
    area: "clock",
    text: `${text}, not synchronised`,
    remedy: "timedatectl set-ntp true, or another NTP client; a wrong clock makes certificates invalid",
  };
}

/** What a program says in one word; undefined when it cannot be run. */
async function answerOf(program: string, args: readonly string[]): Promise<string | undefined> {
  try {
    const { stdout } = await promisify(execFile)(program, args, { timeout: patience });
    return stdout.trim();
  } catch {
    return undefined;
  }
}
