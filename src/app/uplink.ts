import type { Address } from "../core/address.ts";
import type { BindOptions } from "../net/listen.ts";
import type { ServerHandle } from "../net/server-handle.ts";
import type { FromWorker, ToWorker } from "./messages.ts";

/** A worker's way to its supervisor. */
export class Uplink {
  #requests = 0;
  readonly #waiting = new Map<number, PromiseWithResolvers<ServerHandle>>();

  send(message: FromWorker): void {
    // a supervisor that is gone needs nothing more
    if (process.connected) process.send?.(message, undefined, undefined, () => {});
  }

  answer(request: number, value: unknown): void {
    this.send({ kind: "answer", request, value });
  }

  onMessage(listener: (message: ToWorker, handle: ServerHandle | undefined) => void): void {
    process.on("message", (message, handle) =>
      listener(message as ToWorker, handle as ServerHandle | undefined),
    );
  }

  onLost(listener: () => void): void {
    process.once("disconnect", () => {
      for (const { reject } of this.#waiting.values()) reject(new Error("the supervisor is gone"));
      this.#waiting.clear();
      listener();
    });
  }

  /**
   * Asks for a socket that is bound there.
   *
   * @throws Error of the system, with its code
   */
  bind({ address, unixMode, scope }: BindOptions & { readonly address: Address }): Promise<ServerHandle> {
    const request = ++this.#requests;
    const waiting = Promise.withResolvers<ServerHandle>();
    this.#waiting.set(request, waiting);
    this.send({ kind: "bind", request, address, unixMode, scope });
    return waiting.promise;
  }

  bound(
    { request, failure }: Extract<ToWorker, { readonly kind: "bound" }>,
    handle: ServerHandle | undefined,
  ): void {
    const waiting = this.#waiting.get(request);
    this.#waiting.delete(request);
    if (handle && !failure) waiting?.resolve(handle);
    else
      waiting?.reject(
        Object.assign(new Error(failure?.message ?? "no socket came"), { code: failure?.code }),
      );
  }

  /** Resolves when everything is said. */
  close(): Promise<void> {
    return new Promise((resolve) => {
      if (!process.connected) return resolve();
      process.once("disconnect", () => resolve());
      process.disconnect?.();
    });
  }
}
