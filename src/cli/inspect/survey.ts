import { constants } from "node:crypto";
import type { ConnectionOptions, SecureVersion } from "node:tls";
import { ciphersOf, defaultCiphers } from "../../tls/protocol-options.ts";
import { type Spoken, shakeHands } from "./handshake.ts";
import { isFailure, type Peer } from "./peer.ts";

/** What a peer can be brought to speak, one handshake for each question. */
export interface Survey {
  /** The newest first. */
  readonly versions: readonly SecureVersion[];
  /** By version, in the order in which the peer has chosen them. */
  readonly suites: Readonly<Record<string, readonly string[]>>;
  /** Key exchange groups, in our order. */
  readonly groups: readonly string[];
  /** Application protocols that it has agreed to, in the order in which it has chosen them. */
  readonly alpn: readonly string[];
  /** Whether a second connection could go on with the first one's session. */
  readonly resumes: boolean;
  /** Whether it shows another certificate when no name is sent; undefined when it does not speak without one. */
  readonly sameWithoutName: boolean | undefined;
  /** The peer has stopped to answer in between: what is missing may be there. */
  readonly incomplete: boolean;
}

const versions: readonly SecureVersion[] = ["TLSv1.3", "TLSv1.2", "TLSv1.1", "TLSv1"];
const curves = ["X25519MLKEM768", "X25519", "P-256", "P-384", "P-521"];
/** Groups since TLS 1.3; below it, the peer makes up its own. */
const finiteFields = ["ffdhe2048", "ffdhe3072"];
/** Asked for beside those of the command line (RFC 7301's registry). */
const usualProtocols = [
  ...["h2", "http/1.1", "http/1.0", "postgresql", "imap", "pop3", "managesieve", "ftp", "nntp"],
  ...["xmpp-client", "xmpp-server", "mqtt", "dot", "acme-tls/1"],
];
/** Attempts in a row without any answer, after which the peer is left alone. */
const mostLosses = 2;
/** Milliseconds after which nothing more is asked: a peer may answer as slowly as it is just let. */
const longestSurvey = 60_000;

/** The widest that we can speak: what is asked is narrowed from there. */
const widest: ConnectionOptions = {
  minVersion: "TLSv1",
  maxVersion: "TLSv1.3",
  ciphers: ciphersOf({ ciphers: defaultCiphers, legacy: true }),
  secureOptions: constants.SSL_OP_LEGACY_SERVER_CONNECT,
};
/** Without the group whose key share makes a hello too large for one packet, which some peers do not bear. */
const smallHello: ConnectionOptions = { ecdhCurve: "X25519:P-256:P-384:P-521" };
const suiteNames = String(widest.ciphers)
  .split(":")
  .filter((name) => !name.startsWith("@"));

export interface SurveyOptions {
  /** Client certificate and key, where we have them. */
  readonly identity: Pick<ConnectionOptions, "cert" | "key">;
  /** Application protocols to ask for. */
  readonly alpn: readonly string[];
}

type Ask = (options: ConnectionOptions, how?: { ticket: true }) => Promise<Spoken | undefined>;

/** Asks the peer for one thing at a time. */
export async function surveyPeer(peer: Peer, { identity, alpn }: SurveyOptions): Promise<Survey> {
  const endsAt = performance.now() + longestSurvey;
  let losses = 0;
  let base = widest;
  const isOver = () => losses >= mostLosses || performance.now() > endsAt;
  const ask: Ask = async (options, how) => {
    if (isOver()) return undefined;
    const answer = await shakeHands(peer, { ...base, ...identity, ...options }, how);
    const isLost = isFailure(answer) && (answer.isLate === true || answer.step !== "handshake");
    losses = isLost ? losses + 1 : 0;
    return isFailure(answer) ? undefined : answer;
  };
  const spoken: SecureVersion[] = [];
  for (const version of versions) {
    const only = { minVersion: version, maxVersion: version };
    if (await ask(only)) spoken.push(version);
    else if (version === "TLSv1.3" && (await ask({ ...only, ...smallHello }))) {
      base = { ...widest, ...smallHello };
      spoken.push(version);
    }
  }
  const suites: Record<string, readonly string[]> = {};
  for (const version of spoken) suites[version] = await suitesOf(version, ask);
  const groups = spoken.length === 0 ? [] : await groupsOf(ask);
  const protocols = spoken.length === 0 ? [] : await protocolsOf(new Set([...alpn, ...usualProtocols]), ask);
  const first = await ask({}, { ticket: true });
  const again = first?.session && (await ask({ session: first.session }));
  const nameless = await ask({ servername: "" });
  const [with_, without] = [first, nameless].map((one) => one?.chain[0]?.fingerprint256);
  return {
    ...{ versions: spoken, suites, groups, alpn: protocols, resumes: again?.resumed === true },
    sameWithoutName: with_ === undefined || without === undefined ? undefined : with_ === without,
    incomplete: isOver(),
  };
}

/** Offers what is left of our list until the peer takes none of it. */
async function suitesOf(version: SecureVersion, ask: Ask): Promise<readonly string[]> {
  const isNew = version === "TLSv1.3";
  let left = suiteNames.filter((name) => name.startsWith("TLS_") === isNew);
  const found: string[] = [];
  while (left.length > 0) {
    // a list without the other kind of suites is refused by OpenSSL before it asks anybody
    const ciphers = isNew ? left.join(":") : `${left.join(":")}:@SECLEVEL=0`;
    const cipher = (await ask({ minVersion: version, maxVersion: version, ciphers }))?.suite;
    if (cipher === undefined || !left.includes(cipher)) return found;
    found.push(cipher);
    left = left.filter((name) => name !== cipher);
  }
  return found;
}

async function groupsOf(ask: Ask): Promise<readonly string[]> {
  const found: string[] = [];
  // with other suites of TLS 1.2, a handshake comes about whatever the group
  const elliptic = suiteNames.filter((name) => /^(TLS|ECDHE)[_-]/.test(name));
  for (const group of curves)
    if (await ask({ ecdhCurve: group, ciphers: `${elliptic.join(":")}:@SECLEVEL=0` })) found.push(group);
  for (const group of finiteFields)
    if (await ask({ ecdhCurve: group, minVersion: "TLSv1.3" })) found.push(group);
  return found;
}

/** As with suites. A peer without ALPN takes none of the first list, one that insists on it refuses the last. */
async function protocolsOf(wanted: ReadonlySet<string>, ask: Ask): Promise<readonly string[]> {
  const left = new Set(wanted);
  const found: string[] = [];
  while (left.size > 0) {
    const chosen = (await ask({ ALPNProtocols: [...left] }))?.alpn;
    if (chosen === undefined || !left.delete(chosen)) return found;
    found.push(chosen);
  }
  return found;
}
