import type { X509Certificate } from "node:crypto";
import type { PeerIdentity, Session } from "../core/session.ts";

/**
 * What is known of a certificate before any rule is looked at: found good, not there, or not good. Never a boolean:
 * "not verified" and "nothing to verify" were taken for each other before (stunnel 5.57 and 5.58).
 */
export type Verification =
  | { readonly result: "verified" }
  | { readonly result: "none" }
  | ({ readonly result: "failed" } & Refusal);

/** Who is on the other end of a handshake that is done, as the rules see him. */
export interface Peer {
  readonly session: Session;
  readonly verification: Verification;
  readonly certificate?: X509Certificate | undefined;
  readonly identity?: PeerIdentity | undefined;
  /** The OCSP answer that the peer has stapled to its certificate, if it was asked for one. */
  readonly staple?: Buffer | undefined;
  /** The identity whose pre-shared key the peer has proved to have. */
  readonly psk?: string | undefined;
}

export interface Refusal {
  /** For the log. */
  readonly reason: string;
  /** One of few words, for a metric's label: never a peer's text. */
  readonly label: string;
}

/**
 * Something that takes time to find out about a peer, such as a revocation. Called for every session, resumed or not,
 * once the rules have let the peer in and before any of its bytes go on. What it throws refuses the peer as well.
 *
 * @param signal fires when nobody waits for the answer any more
 */
export type PeerCheck = (peer: Peer, signal: AbortSignal) => Promise<Refusal | undefined>;

/** Who is let in. */
export interface Access {
  /** Whose certificate is looked at: `client` by a frontend, `server` by a backend. */
  readonly role: "client" | "server";
  /** `none`: no certificate is asked for; `optional`: there may be none, but one that is there must be good. */
  readonly verify: "none" | "optional" | "required";
  /** `chain`: an authority vouches for the certificate; `pins`: nobody does, its dates and `allow` decide. */
  readonly trusts: "chain" | "pins";
  /** Whether a verified peer is one of those that are let in. Absent: all are. */
  readonly allow?: (identity: PeerIdentity) => boolean;
  /** Present where a pre-shared key stands for a certificate: whether its identity is let in. */
  readonly psk?: (identity: string) => boolean;
  /** Asked one after the other. */
  readonly checks: readonly PeerCheck[];
}

/** Everything that can be said at once. The one place where it is decided who comes in. */
export function judge(peer: Peer, access: Access): Refusal | undefined {
  const { role, verify, trusts, allow, psk } = access;
  if (psk) {
    if (peer.psk === undefined) return { reason: "no pre-shared key was used", label: "no-psk" };
    if (!psk(peer.psk))
      return { reason: `the identity ${JSON.stringify(peer.psk)} is not allowed`, label: "not-allowed" };
  }
  if (verify === "none") return undefined;
  switch (peer.verification.result) {
    case "none":
      if (verify === "optional") return undefined;
      return { reason: `${role} certificate: none was sent`, label: "no-certificate" };
    case "failed": {
      const { reason, label } = peer.verification;
      return { reason: `${role} certificate: ${reason}`, label };
    }
    case "verified": {
      // without a chain the pins are all there is: a peer that they cannot be asked about is a stranger
      const isAllowed = allow ? peer.identity !== undefined && allow(peer.identity) : trusts === "chain";
      if (isAllowed) return undefined;
      return { reason: `${role} certificate: it is none of those that "allow" names`, label: "not-allowed" };
    }
  }
}

/** All of it: first what is known, then what must be asked for. */
export async function admits(peer: Peer, access: Access, signal: AbortSignal): Promise<Refusal | undefined> {
  const refusal = judge(peer, access);
  if (refusal) return refusal;
  for (const check of access.checks) {
    const refused = await check(peer, signal);
    if (refused) return refused;
  }
  return undefined;
}
