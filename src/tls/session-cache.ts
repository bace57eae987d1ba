import type { X509Certificate } from "node:crypto";

/** Sessions kept at one time; the one stored longest ago goes first. A session is about 2 KiB. */
const mostSessions = 1000;

/** What a session is resumed with. */
export interface KnownSession {
  readonly session: Buffer;
  /** Of the target, which does not show it again; only where somebody will ask for it. */
  readonly certificate?: X509Certificate | undefined;
}

/**
 * Sessions of one client-side TLS configuration, to be resumed. It belongs to that configuration: a session that was
 * verified under one set of authorities, with one identity, must never be offered under another (CVE-2026-48934).
 */
export class SessionCache {
  readonly #sessions = new Map<string, KnownSession>();

  /** The latest session with this target under this name. */
  get(target: string, name: string): KnownSession | undefined {
    return this.#sessions.get(cacheKey(target, name));
  }

  set(target: string, name: string, session: KnownSession): void {
    const key = cacheKey(target, name);
    this.#sessions.delete(key);
    this.#sessions.set(key, session);
    if (this.#sessions.size <= mostSessions) return;
    for (const oldest of this.#sessions.keys()) {
      this.#sessions.delete(oldest);
      return;
    }
  }

  /** A handshake failed: what was offered may be the reason. */
  forget(target: string, name: string): void {
    this.#sessions.delete(cacheKey(target, name));
  }
}

function cacheKey(target: string, name: string): string {
  return `${name}\n${target}`;
}
