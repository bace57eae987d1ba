import { constants, createHash, randomBytes } from "node:crypto";
import type { SecureContext, SecureContextOptions, TlsOptions } from "node:tls";
import type { Access } from "./access.ts";
import { diskFiles, type TlsFiles } from "./files.ts";
import { chooseIdentity, loadIdentities } from "./identities.ts";
import { type Identity, loadIdentity, MaterialError, readMaterial } from "./identity.ts";
import { loadClientAccess, loadTargetAccess } from "./load-access.ts";
import { loadOwnPsk, loadPskKeys } from "./load-psk.ts";
import type { ClientTlsOptions, ServerTlsOptions } from "./options.ts";
import { ciphersOf, type ProtocolOptions } from "./protocol-options.ts";
import { pskServerCallback } from "./psk.ts";
import { pskCiphersOf } from "./psk-options.ts";
import type { Revocation } from "./revocation/revocation.ts";
import type { Stapling } from "./revocation/stapler.ts";
import { loadStapling } from "./revocation/stapling.ts";
import { SessionCache } from "./session-cache.ts";
import type { SessionIdOptions } from "./session-ids.ts";
import { sessionIdContext, type TicketScope } from "./tickets.ts";
import { tryContext } from "./try-context.ts";

const minute = 60_000;
/** Bytes of a file with a secret for tickets. */
const shortestSecret = 32;
const defaultSessionIds = 1000;

/** Everything a terminating stage needs, read from disk and checked. */
export interface ServerTls {
  /** Absent where pre-shared keys are used. */
  readonly identity: Identity | undefined;
  /** Shown for the server names in them, instead of the first. */
  readonly others: readonly Identity[];
  readonly server: TlsOptions;
  readonly tickets: TicketScope;
  readonly sessionIds: SessionIdOptions;
  readonly access: Access;
  readonly revocation: Revocation | undefined;
  readonly stapling: Stapling | undefined;
  /** A file that gets the keys of every session. */
  readonly keyLog: string | undefined;
}

/** Everything an originating stage needs. */
export interface ClientTls {
  readonly identity: Identity | undefined;
  readonly context: SecureContext;
  readonly verify: ClientTlsOptions["verify"];
  readonly access: Access;
  readonly alpn: readonly string[] | undefined;
  /** false: none is sent. */
  readonly serverName: string | false | undefined;
  readonly keyLog: string | undefined;
  readonly revocation: Revocation | undefined;
  /** Whether the target is asked to staple an OCSP answer, which it does in a full handshake only. */
  readonly wantsStaple: boolean;
  readonly sessions: SessionCache;
  /** Stands for certificates on both sides. */
  readonly psk?: { readonly identity: string; readonly key: Buffer } | undefined;
}

/** What a `tls` block needs beside its options. */
export interface TlsSources {
  readonly files?: TlsFiles | undefined;
  /** What ticket keys are derived from, at least 32 random bytes: whoever shares it resumes each other's sessions. */
  readonly ticketSecret?: Buffer | undefined;
}

/**
 * @param scope names the frontend: its tickets open no other
 * @throws MaterialError when something that the block names cannot be used
 */
export async function loadServerTls(
  options: ServerTlsOptions,
  scope: string,
  { files = diskFiles, ticketSecret = randomBytes(32) }: TlsSources = {},
): Promise<ServerTls> {
  const [identity, ...others] = await loadIdentities(options, files);
  const psk = options.psk && (await loadPskKeys(options.psk.file, files));
  if (!identity && !psk) throw new MaterialError("cert", 'a TLS frontend needs "cert" and "key", or "pfx"');
  const { access: certified, ca, trust, revocation } = await loadClientAccess(options.client, files);
  const access: Access = psk ? { ...certified, psk: pskRules(options.psk?.allow) } : certified;
  const { verify } = access;
  const stapling = identity && (await loadStapling(options.ocspStapling, { identity, files }));
  const secret = (await readTicketSecret(options, files)) ?? ticketSecret;
  const tickets: TicketScope = { secret, trust: digest(JSON.stringify([scope, trust])) };
  // a resumed session skips the client's certificate, so it must not outlive a revocation for long
  const lifetime = options.session?.lifetime ?? (verify === "none" ? 10 * minute : 5 * minute);
  const noTickets = psk || options.session?.tickets === false ? constants.SSL_OP_NO_TICKET : 0;
  const server: TlsOptions = {
    ...protocol(options),
    ecdhCurve: preferring(options.groups),
    ...(identity ? { cert: identity.cert, key: identity.key } : {}),
    ...(psk ? { ciphers: pskCiphersOf(options.ciphers), pskCallback: pskServerCallback(psk) } : {}),
    ...(ca ? { ca: [...ca] } : {}),
    honorCipherOrder: true,
    secureOptions: constants.SSL_OP_NO_RENEGOTIATION | constants.SSL_OP_NO_COMPRESSION | noTickets,
    sessionTimeout: Math.ceil(lifetime / 1000),
    sessionIdContext: sessionIdContext(tickets),
    requestCert: verify !== "none",
    rejectUnauthorized: false,
    ...(options.alpn ? { ALPNProtocols: [...options.alpn] } : {}),
  };
  tryContext(server, identity);
  const sessionIds = { entries: psk ? 0 : idsOf(options), lifetime };
  const chosen = await chooseIdentity(identity ? [identity, ...others] : [], server);
  const { keyLog } = options;
  return {
    ...{ identity, others, keyLog, tickets, sessionIds, access, revocation, stapling },
    server: { ...server, ...chosen },
  };
}

/** @throws MaterialError when something that the block names cannot be used */
export async function loadClientTls(
  options: ClientTlsOptions,
  { files = diskFiles }: Pick<TlsSources, "files"> = {},
): Promise<ClientTls> {
  const identity = await loadIdentity(options, { files });
  const psk = options.psk && (await loadOwnPsk(options.psk, files));
  const { access, ca, revocation } = await loadTargetAccess(options, files);
  const context: SecureContextOptions = {
    ...protocol(options),
    // no authority: a target with a certificate has not used the key
    ...(psk ? { ciphers: pskCiphersOf(options.ciphers), ca: [] } : {}),
    ...(identity ? { cert: identity.cert, key: identity.key } : {}),
    ...(ca ? { ca: [...ca] } : {}),
    secureOptions:
      constants.SSL_OP_NO_RENEGOTIATION |
      constants.SSL_OP_NO_COMPRESSION |
      // servers without RFC 5746
      (options.legacy === true ? constants.SSL_OP_LEGACY_SERVER_CONNECT : 0),
  };
  return {
    sessions: new SessionCache(),
    identity,
    context: tryContext(context, identity),
    verify: options.verify,
    access,
    revocation,
    wantsStaple: options.ocsp !== undefined && options.ocsp.staple !== "ignore",
    psk,
    alpn: options.alpn,
    serverName: options.serverName,
    keyLog: options.keyLog,
  };
}

async function readTicketSecret({ session }: ServerTlsOptions, files: TlsFiles): Promise<Buffer | undefined> {
  if (session?.keys === undefined) return undefined;
  const secret = await readMaterial(files, session.keys, "session.keys");
  if (secret.length >= shortestSecret) return secret;
  throw new MaterialError(
    "session.keys",
    `${session.keys} holds ${secret.length} bytes; it needs ${shortestSecret} random ones or more: equilibria-tunnel certs ticket-key FILE makes them`,
  );
}

/** Without tickets there is no resumption at all, unless it is asked for. */
/** TLS 1.3 has no session ids, and to ask for them costs a tenth of each handshake. */
function idsOf({ session, minVersion }: ServerTlsOptions): number {
  if (minVersion === "TLSv1.3") return 0;
  return session?.cache ?? (session?.tickets === false ? 0 : defaultSessionIds);
}

function pskRules(allow: readonly string[] | undefined): (identity: string) => boolean {
  const allowed = allow && new Set(allow);
  return (identity) => !allowed || allowed.has(identity);
}

function digest(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

function protocol(options: ProtocolOptions): SecureContextOptions {
  return {
    minVersion: options.minVersion,
    maxVersion: options.maxVersion,
    ciphers: ciphersOf(options),
    ecdhCurve: options.groups.join(":"),
    ...(options.signatureAlgorithms ? { sigalgs: options.signatureAlgorithms.join(":") } : {}),
  };
}

/**
 * OpenSSL's server takes any group for which the client has sent a key already, unless a "/" stands behind a better one
 * that it only offers. A post-quantum group is worth that second round trip, the order of the others is not.
 */
function preferring(groups: readonly string[]): string {
  const isHybrid = (group = "") => /MLKEM/i.test(group);
  return groups.reduce(
    (list, group, index) => list + (isHybrid(groups[index - 1]) && !isHybrid(group) ? "/" : ":") + group,
  );
}
