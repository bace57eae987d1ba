import type { Address } from "./address.ts";
import type { Target } from "./backend.ts";
import type { Introduction } from "./negotiation.ts";
import { type Outcome, SessionError } from "./outcome.ts";

/** The facts of a TLS handshake, as they are logged. */
export interface TlsFacts {
  readonly version: string;
  readonly cipher: string;
  readonly group?: string;
  readonly resumed: boolean;
}

/** The names in a certificate, read from its DER: whatever is in one, it is one name of its kind. */
export interface CertificateNames {
  readonly commonNames: readonly string[];
  readonly organizationalUnits: readonly string[];
  /** Of the subject alternative name (RFC 5280, 4.2.1.6), like all that follow. */
  readonly dns: readonly string[];
  /** In canonical form. */
  readonly ips: readonly string[];
  readonly uris: readonly string[];
  readonly emails: readonly string[];
}

/** Whom the client's certificate names. */
export interface PeerIdentity {
  /** Whether all that the configuration asks for has found it good; otherwise it proves nothing. */
  readonly verified: boolean;
  readonly subject: string;
  /** `sha256:` and lower-case hexadecimal digits. */
  readonly fingerprint: string;
  /** The same of its public key. */
  readonly spki?: string;
  /** The last one, if there are several. */
  readonly commonName?: string;
  readonly names?: CertificateNames;
}

/** What a client speaks, by its first bytes; `other` is what is none of those before it. */
export const protocols = ["tls", "http", "ssh", "postgres", "socks", "other"] as const;

export type Protocol = (typeof protocols)[number];

/** What the first bytes of a client say, before anybody has answered them. */
export interface Opening {
  readonly protocol: Protocol;
  /** Of a ClientHello, in canonical form. */
  readonly serverName?: string | undefined;
  /** What a ClientHello offers. */
  readonly alpn?: readonly string[] | undefined;
}

/** What OCSP said about a certificate; `failed`: nothing that counts. */
export type OcspResult = "good" | "revoked" | "unknown" | "failed";

/** How the client had come to a proxy before us, as that proxy tells. */
export interface ProxiedTls {
  readonly version?: string | undefined;
  readonly cipher?: string | undefined;
  readonly signature?: string | undefined;
  readonly key?: string | undefined;
  /** Of the client's certificate. */
  readonly commonName?: string | undefined;
  /** Whether that certificate was shown in an earlier connection of the same TLS session. */
  readonly resumed: boolean;
  /** Whether a certificate was shown and found good. */
  readonly verified: boolean;
}

/** What a PROXY header told beside the addresses: the word of the peer that sent it. */
export interface ProxyClaims {
  /** The peer that connected to us. */
  readonly by: Address;
  readonly uniqueId?: Uint8Array | undefined;
  readonly tls?: ProxiedTls | undefined;
}

/** Milliseconds each part took; a part that did not happen is absent. */
export interface Durations {
  tls?: number;
  connect?: number;
}

/** How payload is moved: in large reads and gathered writes, or by Node's streams. */
export type RelayMode = "fast" | "stream";

/** Where a client has asked to go. */
export interface Destination {
  /** As it was asked for: a name, or an address, and the port. */
  readonly asked: string;
  /** What it was resolved to, each of them allowed; in the order in which they are tried. */
  readonly addresses: readonly Address[];
}

export interface SessionOptions {
  readonly tunnel: string;
  readonly client: Address;
  readonly local: Address;
}

let sequence = 0;
/** Distinguishes the ids of one process from those of the next, and of others at the same time. */
const run = Math.floor(Date.now() / 1000).toString(36) + process.pid.toString(36);

/** One client connection, from accept to close. Stages fill it in as they learn more. */
export class Session {
  readonly id: string = `${run}-${(++sequence).toString(36)}`;
  readonly tunnel: string;
  /** Milliseconds of `performance.now()`. */
  readonly acceptedAt: number = performance.now();
  readonly ms: Durations = {};
  client: Address;
  local: Address;
  /** What the client began with, where a route depends on it. */
  opening?: Opening;
  /** The name of the route that it took, or its place in the list, from 1 on; absent without one. */
  route?: string;
  serverName?: string;
  alpn?: string;
  tls?: TlsFacts;
  peer?: PeerIdentity;
  /** The identity whose pre-shared key opened the session. */
  psk?: string;
  /** Why it goes to the redirect backend instead of the tunnel's own: the client was not let in. */
  redirected?: { readonly reason: string; readonly label: string };
  /** What OCSP said about the client's and the target's certificates, where it was asked. */
  ocsp?: { readonly client?: OcspResult; readonly server?: OcspResult };
  /** Set when a PROXY header named the client. */
  proxy?: ProxyClaims;
  /** The facts of the handshake with the target. */
  targetTls?: TlsFacts;
  target?: Target;
  /** Where the client has asked to go, instead of a target of the configuration. */
  destination?: Destination;
  /** What a negotiation still has to do when the target is connected. */
  introduction?: Introduction;
  /** The client has been told in its protocol why it is not served: its connection ends cleanly. */
  dismissed?: true;
  /** Connection attempts made to targets. */
  attempts = 0;
  /** Payload bytes read from the client and handed to the target. */
  bytesIn = 0;
  /** Payload bytes read from the target and handed to the client. */
  bytesOut = 0;
  /** How its payload is moved; absent before the relay has begun. */
  relay?: RelayMode;
  outcome?: Outcome;
  error?: unknown;
  /** Set by the one owner of the session's streams while it waits; called at most once. */
  interrupt?: ((reason: SessionError) => void) | undefined;
  #controller?: AbortController;
  #aborted?: SessionError;

  constructor(options: SessionOptions) {
    this.tunnel = options.tunnel;
    this.client = options.client;
    this.local = options.local;
  }

  /** Fires when the session must end early: killed, out of lifetime, or the drain has run out of patience. */
  get signal(): AbortSignal {
    // made on first use: most sessions never look at it, and a controller costs about a microsecond
    if (!this.#controller) {
      this.#controller = new AbortController();
      if (this.#aborted) this.#controller.abort(this.#aborted);
    }
    return this.#controller.signal;
  }

  /**
   * Ends the session early with `outcome`: whoever owns its streams now is told through `interrupt` and `signal`. Once
   * the session has ended, or has been aborted before, nothing happens.
   */
  abort(outcome: Outcome, reason: string): void {
    if (this.#aborted || this.outcome !== undefined) return;
    this.#aborted = new SessionError(outcome, reason);
    this.#controller?.abort(this.#aborted);
    this.interrupt?.(this.#aborted);
  }

  /** Why the session was aborted, if it was. */
  get aborted(): SessionError | undefined {
    return this.#aborted;
  }

  /** Records how the session ended. The first call wins. */
  end(outcome: Outcome, error?: unknown): void {
    if (this.outcome !== undefined) return;
    this.outcome = outcome;
    if (error !== undefined) this.error = error;
  }
}
