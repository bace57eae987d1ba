import type { ControlEvent, OverlayEntry, TargetChange } from "../../core/control.ts";
import type { SessionStatus, Status } from "../../core/status.ts";
import { EventStream } from "../../protocol/event-stream.ts";
import type { Caller } from "../access.ts";

/** The server wants to know who asks, or does not know the token. */
export class NotAdmitted extends Error {}

/** Milliseconds for an answer. */
const patience = 10_000;

/** The admin API of the server that this page came from. */
export class ServerApi {
  readonly #token: string | undefined;

  constructor(token: string | undefined) {
    this.#token = token;
  }

  whoAmI(): Promise<Caller> {
    return this.#json("/api/v1/whoami");
  }

  status(): Promise<Status> {
    return this.#json("/api/v1/status");
  }

  sessions(): Promise<readonly SessionStatus[]> {
    return this.#json("/api/v1/sessions");
  }

  overlay(): Promise<readonly OverlayEntry[]> {
    return this.#json("/api/v1/overlay");
  }

  async setTarget(tunnel: string, key: string, change: TargetChange): Promise<void> {
    const path = `/api/v1/tunnels/${encodeURIComponent(tunnel)}/targets/${encodeURIComponent(key)}`;
    await this.#json(path, { method: "POST", body: JSON.stringify(change) });
  }

  async killSession(id: string): Promise<void> {
    await this.#json(`/api/v1/sessions/${encodeURIComponent(id)}`, { method: "DELETE" });
  }

  async dropOverlay(): Promise<void> {
    await this.#json("/api/v1/overlay", { method: "DELETE" });
  }

  /** What happens from now on. EventSource would do, but it cannot send a token. */
  async *events(signal: AbortSignal): AsyncIterable<ControlEvent> {
    const response = await this.#ask("/api/v1/events", { signal });
    if (!response.body) return;
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    const stream = new EventStream();
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      for (const data of stream.push(value)) yield JSON.parse(data) as ControlEvent;
    }
  }

  async #json<Value>(path: string, init: RequestInit = {}): Promise<Value> {
    const response = await this.#ask(path, { ...init, signal: AbortSignal.timeout(patience) });
    return (await response.json()) as Value;
  }

  async #ask(path: string, init: RequestInit): Promise<Response> {
    const response = await fetch(path, {
      ...init,
      cache: "no-store",
      credentials: "omit",
      headers: {
        ...(this.#token === undefined ? {} : { Authorization: `Bearer ${this.#token}` }),
        ...(init.body === undefined ? {} : { "Content-Type": "application/json" }),
      },
    });
    if (response.ok) return response;
    const said = (await response.json().catch(() => ({}))) as { readonly message?: string };
    const message = said.message ?? `the server answers ${response.status}`;
    throw response.status === 401 ? new NotAdmitted(message) : new Error(message);
  }
}
