import type { Listener } from "./listen.ts";

/** Milliseconds after which listeners are closed however many still come. */
const patience = 500;
/** A turn of the event loop in which little else was done, in milliseconds. */
const shortTurn = 0.1;

/**
 * Closes listeners when nobody waits there to be accepted: whom the kernel has let in already, closing would reset. libuv
 * accepts one connection in each turn of the event loop, so a turn without one has found the queues empty; and what comes
 * after that look is lost, so the turn must have been a short one.
 */
export function closeQuietly(listeners: readonly Listener[]): Promise<void> {
  const count = () => listeners.reduce((sum, { accepted }) => sum + accepted, 0);
  const deadline = performance.now() + patience;
  return new Promise((resolve) => {
    const look = (before: { readonly count: number; readonly at: number }) => {
      const now = performance.now();
      const quiet = before.count === count() && now - before.at < shortTurn;
      if (quiet || now > deadline) {
        for (const listener of listeners) listener.close();
        resolve();
      } else setImmediate(look, { count: count(), at: performance.now() });
    };
    if (listeners.length === 0) resolve();
    // the first turn may end without a look at the sockets
    else setImmediate(() => setImmediate(look, { count: -1, at: 0 }));
  });
}
