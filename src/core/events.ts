import type { Address } from "./address.ts";
import type { Target, TargetAdmin, TargetHealth } from "./backend.ts";
import type { ConfigDiff } from "./control.ts";
import type { Session } from "./session.ts";

/** Everything that is told. The data path emits these and neither logs nor counts. */
export interface EventMap {
  "session.opened": { readonly session: Session };
  "session.closed": { readonly session: Session };
  /** The client's TLS handshake is done; its facts are in `session.tls`. */
  "tls.established": { readonly session: Session };
  /** The session has a stream to `session.target`. */
  "target.connected": { readonly session: Session; readonly ms: number };
  /** One attempt has failed; the session may still find another target. */
  "target.failed": { readonly session: Session; readonly target: Target; readonly error: unknown };
  /** A verdict on a target has changed: told once per change. */
  "target.health": {
    readonly backend: string;
    readonly target: string;
    readonly from: TargetHealth;
    readonly to: TargetHealth;
    readonly reason: string;
  };
  /** The operator has changed his mind about a target. */
  "target.admin": { readonly backend: string; readonly target: string; readonly to: TargetAdmin };
  /** A backend has another set of targets. */
  "backend.changed": {
    readonly backend: string;
    readonly added: readonly string[];
    readonly removed: readonly string[];
  };
  /** A provider cannot tell a backend's targets for now; the last known ones stay in use. */
  "provider.failed": { readonly backend: string; readonly reason: string };
  /** A frontend that listens only while its backend has a usable target has stopped, begun again, or could not. */
  "frontend.listening": { readonly tunnel: string; readonly listening: boolean; readonly reason: string };
  /** It can tell them again. */
  "provider.recovered": { readonly backend: string };
  "certificate.expiring": { readonly tunnel: string; readonly source: string; readonly notAfter: Date };
  /** A CRL is in its last quarter, or has run out: then every certificate of its issuer is refused. */
  "crl.expiring": {
    readonly tunnel: string;
    readonly source: string;
    readonly issuer: string;
    readonly nextUpdate: Date;
    readonly expired: boolean;
  };
  /** Whether there is an OCSP answer about our own certificate to staple has changed, or its fetching has begun to fail. */
  "ocsp.staple": {
    readonly tunnel: string;
    readonly source: string;
    readonly ok: boolean;
    readonly reason?: string;
    /** How long the answer at hand is good; undefined: none is stapled. */
    readonly until: Date | undefined;
  };
  /** Something lets TLS protect less than it could; `where` names the setting. */
  "tls.weakened": {
    readonly tunnel: string;
    readonly setting: "legacy" | "keyLog" | "client";
    readonly where: string;
  };
  "tls.unverified": { readonly tunnel: string; readonly verify: string };
  /** Every listener is open. */
  ready: {
    readonly metrics: Address | undefined;
    /** Where the admin API and the control socket are. */
    readonly admin: readonly Address[];
    readonly listeners: readonly { readonly tunnel: string; readonly address: Address }[];
  };
  /** Another configuration is in use from now on. */
  "config.applied": {
    readonly generation: number;
    readonly etag: string;
    readonly diff: ConfigDiff;
    /** Who asked for it, where that is known. */
    readonly by: string | undefined;
  };
  /** Files of certificates, keys and the like have changed and are in use, in these tunnels. */
  "material.applied": { readonly tunnels: readonly string[] };
  /** Such files have changed and cannot be used; those before are. */
  "material.rejected": { readonly reason: string };
  /** A configuration was not taken over; the old one serves on. */
  "config.rejected": { readonly reason: string; readonly by: string | undefined };
  /** A worker process has replaced one that had ended. */
  "worker.started": { readonly worker: number; readonly pid: number };
  /** A worker process has ended, and not because it was told to. */
  "worker.ended": { readonly worker: number; readonly reason: string };
  /** Somebody has asked for something that could change something; done or refused. */
  "admin.write": AdminWrite;
  /** The admin API listens where others can reach it, and without TLS, so that tokens can be read on the way. */
  "admin.exposed": { readonly address: string };
  draining: { readonly sessions: number; readonly deadlineMs: number };
  stopped: { readonly sessions: number };
  "plugin.failed": { readonly plugin: string; readonly reason: string };
}

/** One request to the admin API or the control socket. */
export interface AdminWrite {
  /** `unix`, or the address of the peer. */
  readonly peer: string;
  /** Of the token or the certificate. */
  readonly name: string | undefined;
  /** Undefined when it is not known who asked. */
  readonly role: string | undefined;
  /** `LINE` for the line protocol, whose command is then in `path`. */
  readonly method: string;
  readonly path: string;
  /** The status of the answer. */
  readonly status: number;
}

export type EventName = keyof EventMap;
type Listener<Name extends EventName> = (event: EventMap[Name]) => void;

/** Delivers events synchronously, in the order of subscription. */
export class Events {
  readonly #listeners = new Map<EventName, Set<(event: never) => void>>();

  /** Subscribes; returns the function that unsubscribes. A listener must not throw. */
  on<Name extends EventName>(name: Name, listener: Listener<Name>): () => void {
    const listeners = this.#listeners.get(name) ?? new Set();
    this.#listeners.set(name, listeners.add(listener));
    return () => listeners.delete(listener);
  }

  emit<Name extends EventName>(name: Name, event: EventMap[Name]): void {
    const listeners = this.#listeners.get(name);
    if (listeners) for (const listener of listeners) (listener as Listener<Name>)(event);
  }
}
