import type { LoadedConfig } from "../../config/load.ts";

/** `fail`: it will not work; `warn`: it may not, or not for long. */
export type Verdict = "ok" | "warn" | "fail";

/** One thing that was examined. */
export interface Finding {
  readonly verdict: Verdict;
  readonly area: "process" | "limits" | "clock" | "ports" | "names" | "targets" | "certificates";
  readonly text: string;
  /** What to do; with every verdict but `ok`. */
  readonly remedy?: string;
}

/** Examines one area; never throws for what it finds. */
export type Examination = (loaded: LoadedConfig) => Promise<readonly Finding[]>;

/** Milliseconds that anything outside this process may take to answer. */
export const patience = 3000;

/** Resolves with what the promise does, or rejects when it takes too long. */
export async function inTime<Value>(promise: Promise<Value>): Promise<Value> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error(`no answer within ${patience / 1000} s`)), patience);
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
