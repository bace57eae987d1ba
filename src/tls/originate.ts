import { X509Certificate } from "node:crypto";
import { isIP, type Socket } from "node:net";
import {
  type ConnectionOptions,
  checkServerIdentity,
  connect,
  type PeerCertificate,
  type TLSSocket,
} from "node:tls";
import { domainToASCII } from "node:url";
import type { Target } from "../core/backend.ts";
import { SessionError } from "../core/outcome.ts";
import type { Stage } from "../core/stage.ts";
import { carriedBy } from "../net/transport.ts";
import { type Access, admits, type Peer } from "./access.ts";
import type { ClientTls } from "./contexts.ts";
import { keyLogTo } from "./key-log.ts";
import { peerOf } from "./peer.ts";
import { hasUsedPsk, pskClientCallback } from "./psk.ts";
import { describeTlsError, tlsLabel } from "./reasons.ts";

/**
 * A stage that starts TLS as the client, towards `target`, and resumes the last session with it where it can. Its
 * deadline is the dial's. Make it once per target: what does not change from session to session is prepared here.
 */
export function originate(tls: ClientTls, target: Target): Stage {
  const name = expectedName(tls, target);
  const options = connectOptions(tls, name);
  const { sessions, access, psk } = tls;
  const keyLog = tls.keyLog === undefined ? undefined : keyLogTo(tls.keyLog);
  const isJudged = access.allow !== undefined || access.checks.length > 0;
  return (session, stream) =>
    new Promise((resolve, reject) => {
      const raw = stream as Socket;
      const known = tls.wantsStaple || psk ? undefined : sessions.get(target.key, name ?? "");
      const secure = connect({ ...options, socket: raw, ...(known ? { session: known.session } : {}) });
      if (keyLog) secure.on("keylog", keyLog);
      let staple: Buffer | undefined;
      // null when there is none; always before secureConnect
      secure.once("OCSPResponse", (answer: Buffer | null) => {
        staple = answer ?? undefined;
      });
      // Node's client has no certificate of a resumed session; it is the one that the first was verified with
      const certificateOf = () =>
        isJudged ? (secure.getPeerX509Certificate() ?? known?.certificate) : undefined;
      // TLS 1.3 sends tickets after the handshake, and a new one for each that is used
      secure.on("session", (fresh) => {
        if (psk) return;
        try {
          sessions.set(target.key, name ?? "", { session: fresh, certificate: certificateOf() });
        } catch {
          // the next handshake is a full one
          sessions.forget(target.key, name ?? "");
        }
      });
      const fail = (error?: Error) => {
        sessions.forget(target.key, name ?? "");
        if (error instanceof SessionError) return reject(error);
        const found = error ? describeTlsError(error) : "the peer left during the TLS handshake";
        const reason = psk ? `with the pre-shared key of ${JSON.stringify(psk.identity)}: ${found}` : found;
        reject(new SessionError("handshake-failed", reason, { cause: error, label: tlsLabel(error) }));
      };
      const left = () => fail();
      secure.once("error", fail).once("close", left).once("end", left);
      const take = () => {
        // an error listener stays: without one, a reset before the next owner listens would end the process
        secure.off("error", fail).off("close", left).off("end", left).on("error", ignore);
        resolve(carriedBy(secure, raw));
      };
      const judge = async () => {
        if (psk && !hasUsedPsk(secure)) throw notUsed(psk.identity);
        if (!isJudged) return;
        const certificate = certificateOf();
        const peer = peerOf(secure, { session, trusts: access.trusts, certificate });
        await approve(secure, { ...peer, staple }, access);
      };
      secure.once("secureConnect", () => {
        if (psk || isJudged) judge().then(take, fail);
        else take();
      });
    });
}

function connectOptions(tls: ClientTls, name: string | undefined): ConnectionOptions {
  return {
    secureContext: tls.context,
    // RFC 6066 section 3: no address literals as SNI
    ...(name !== undefined && isIP(name) === 0 && tls.serverName !== false ? { servername: name } : {}),
    ...(tls.alpn ? { ALPNProtocols: [...tls.alpn] } : {}),
    requestOCSP: tls.wantsStaple,
    ...(tls.psk ? { pskCallback: pskClientCallback(tls.psk.identity, tls.psk.key) } : {}),
    rejectUnauthorized: tls.verify === "full" || tls.verify === "chain",
    checkServerIdentity: (_, certificate) =>
      tls.verify === "full" && !tls.psk ? checkName(name, certificate) : undefined,
  };
}

/**
 * Judges the target beyond what OpenSSL has checked.
 *
 * @throws SessionError
 */
async function approve(secure: TLSSocket, peer: Peer, access: Access): Promise<void> {
  const controller = new AbortController();
  secure.once("close", () => controller.abort());
  const refusal = await admits(peer, access, controller.signal);
  if (refusal) throw new SessionError("handshake-failed", refusal.reason, { label: refusal.label });
}

function notUsed(identity: string): SessionError {
  const reason = `the target has not used the pre-shared key of ${JSON.stringify(identity)}`;
  return new SessionError("handshake-failed", reason, { label: "no-psk" });
}

function ignore(): void {}

function expectedName(tls: ClientTls, target: Target): string | undefined {
  const configured = target.serverName ?? tls.serverName;
  if (typeof configured === "string") return configured;
  return target.address.kind === "tcp" ? target.address.host : undefined;
}

/** RFC 9525: subject alternative names only. Node alone would fall back to the common name. */
export function checkName(name: string | undefined, certificate: PeerCertificate): Error | undefined {
  if (name === undefined) return new Error('no name to check the certificate against: set "serverName"');
  if (certificate.subjectaltname === undefined || certificate.subjectaltname === "")
    return new Error(
      `the certificate has no subject alternative name, so it is for no name at all (RFC 9525)`,
    );
  return checkServerIdentity(name, certificate) ?? checkStrictly(name, certificate);
}

/**
 * Node takes the common name when there are addresses only, and lets f*.example.com stand for foo.example.com: RFC 9525
 * allows names of the extension only, and a wildcard only as the whole leftmost label (section 6.3).
 */
function checkStrictly(name: string, { raw }: PeerCertificate): Error | undefined {
  if (isIP(name) !== 0) return undefined;
  const host = domainToASCII(name.replace(/\.$/, ""));
  const rules = { subject: "never", wildcards: true, partialWildcards: false } as const;
  if (new X509Certificate(raw).checkHost(host, rules) !== undefined) return undefined;
  return new Error(
    `the certificate is for ${name} only by its common name or a partial wildcard, which do not count (RFC 9525)`,
  );
}
