/** What tests ask about the health of targets: the log's flips, the metrics, an HTTP target that is ill on demand. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import type { Instance } from "./instance.ts";

/** Waits for the log to say that a target has become `to`, for the `time`th time. */
export async function flipped(program: Instance, port: number, to: string, time = 1): Promise<string> {
  const all = () => flips(program, port).filter((flip) => flip.to === to);
  await program.line(() => all().length >= time, `that 127.0.0.1:${port} is ${to}`);
  return all()[time - 1]?.reason ?? "";
}

export interface Flip {
  readonly level: string;
  readonly backend: string;
  readonly from: string;
  readonly to: string;
  readonly reason: string;
}

/** What the log has said of a target so far. */
export function flips(program: Instance, port: number): Flip[] {
  return program.lines.flatMap((line) =>
    line.event === "target-health" && line["target"] === `127.0.0.1:${port}`
      ? [
          {
            level: line.level,
            backend: String(line["backend"]),
            from: String(line["from"]),
            to: String(line["to"]),
            reason: String(line["reason"]),
          },
        ]
      : [],
  );
}

/** The samples of a metric, by their labels as they are written. */
export async function samples(program: Instance, metric: string): Promise<Readonly<Record<string, number>>> {
  const ready = program.lines.find((line) => line.event === "ready");
  const response = await fetch(`http://${String(ready?.["metrics"])}/metrics`);
  const found: Record<string, number> = {};
  for (const [, labels = "", value] of (await response.text()).matchAll(
    new RegExp(`^${metric}\\{(.*)\\} (\\S+)$`, "gm"),
  ))
    found[labels] = Number(value);
  assert.equal(response.status, 200);
  return found;
}

export interface Patient extends AsyncDisposable {
  readonly port: number;
  /** Requests answered so far. */
  readonly asked: number;
  /** What it answers once its script is over. */
  status: number;
  /** Resolves when it has answered so many requests. */
  answered(count: number): Promise<void>;
}

/** An HTTP server that answers with the statuses of `script`, one for each request, and then with 200. */
export async function startPatient(script: readonly number[] = []): Promise<Patient> {
  const server = createServer((_, response) => {
    response.writeHead(script[patient.asked] ?? patient.status).end("fine");
    patient.asked++;
    server.emit("answered");
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const patient = {
    port: (server.address() as AddressInfo).port,
    asked: 0,
    status: 200,
    answered: async (count: number) => {
      while (patient.asked < count) await once(server, "answered");
    },
    [Symbol.asyncDispose]: async () => {
      server.close();
      server.closeAllConnections();
      await once(server, "close");
    },
  };
  return patient;
}
