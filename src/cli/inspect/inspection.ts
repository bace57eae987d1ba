import type { X509Certificate } from "node:crypto";
import { formatAddress } from "../../core/address.ts";
import type { ClientTlsOptions } from "../../tls/options.ts";
import { type CertificateDescription, describeCertificate } from "../certificate-description.ts";
import { type TriedAddress, tryAddresses } from "./addresses.ts";
import { askedAuthorities } from "./asked-authorities.ts";
import type { Dialogue } from "./dialogue.ts";
import { type Greeting, listenTo } from "./greeting.ts";
import { type Spoken, shakeHands } from "./handshake.ts";
import { type Failure, isFailure, type Peer } from "./peer.ts";
import { type Remedy, remediesOf } from "./remedies.ts";
import { type Suggestion, suggest, type WrittenTls } from "./suggestion.ts";
import { type Survey, type SurveyOptions, surveyPeer } from "./survey.ts";
import { tryAsBackend } from "./verdict.ts";
import { warningsOf } from "./warnings.ts";

interface Handshake extends Omit<Spoken, "chain" | "session" | "suite"> {
  /** Whose client certificates are asked for, empty when anybody's; absent when that cannot be told. */
  readonly authorities?: readonly string[];
}

/** Everything that `inspect` has found out; what `--json` prints. */
export interface Inspection {
  readonly peer: string;
  readonly serverName: string;
  readonly starttls: string | undefined;
  /** What the name stands for, each tried; empty for a unix socket, and for a name that is not found. */
  readonly addresses: readonly TriedAddress[];
  /** Whether a backend with these options would get on with it. */
  readonly ok: boolean;
  readonly failure: Failure | undefined;
  readonly remedies: readonly string[];
  /** What is bad about it although it works. */
  readonly warnings: readonly string[];
  /** The handshake with the best that both can; absent when there is none. */
  readonly handshake: Handshake | undefined;
  /** As the peer has sent it. */
  readonly chain: readonly CertificateDescription[];
  readonly offers: Survey | undefined;
  /** What it says in plain text, when it does not speak TLS. */
  readonly greeting: Greeting | undefined;
  /** The options that a backend needs; absent when words alone can help. */
  readonly backend: Suggestion | undefined;
}

export interface InspectionOptions extends SurveyOptions {
  /** What a backend would have. */
  readonly tls: WrittenTls;
  /** @throws when it is no `tls` of a backend */
  parse(tls: WrittenTls): ClientTlsOptions;
  /** For those that are tried with a peer that does not speak TLS. */
  readonly dialogue: Dialogue;
}

/** @throws MaterialError when something that the options name cannot be used */
export async function inspectPeer(
  peer: Peer,
  { tls, parse, dialogue, ...how }: InspectionOptions,
): Promise<Inspection> {
  const attempt = (options: ClientTlsOptions) => tryAsBackend(peer, options);
  const addresses = await tryAddresses(peer);
  const failure = await attempt(parse(tls));
  const mayListen = failure?.step === "handshake" && peer.negotiation === undefined;
  const early = mayListen && mayBePlain(failure) ? await listenTo(peer, dialogue) : undefined;
  // what cannot be connected to cannot be asked either, and what speaks something else has no answer
  const isAsked = !failure || (failure.step === "handshake" && early?.protocol === undefined);
  const survey = isAsked ? await surveyPeer(peer, how) : undefined;
  const speaksTls = survey !== undefined && survey.versions.length > 0;
  const spoken = speaksTls ? await best(peer, survey, how) : undefined;
  const authorities =
    spoken?.asksCertificate && survey?.versions.includes("TLSv1.2")
      ? await askedAuthorities(peer, how.identity)
      : undefined;
  const chain: readonly X509Certificate[] = spoken?.chain ?? [];
  const greeting = speaksTls
    ? undefined
    : (early ?? (mayListen ? await listenTo(peer, dialogue) : undefined));
  const plain = greeting?.protocol !== undefined ? greeting : undefined;
  const remedies = (one: Failure): readonly Remedy[] =>
    remediesOf({
      ...{ peer, failure: one, chain, survey, greeting: plain },
      asksCertificate: spoken?.asksCertificate,
      hasCertificate: how.identity.cert !== undefined,
    });
  return {
    peer: formatAddress(peer.address),
    serverName: peer.serverName,
    starttls: peer.negotiation?.name,
    addresses,
    ok: failure === undefined,
    failure: failure && plain ? { ...failure, reason: plainReason(plain) } : failure,
    remedies: failure ? remedies(failure).map(({ says }) => says) : [],
    warnings: warningsOf({ survey, chain, addresses }),
    handshake: spoken && { ...handshakeOf(spoken), ...(authorities ? { authorities } : {}) },
    chain: chain.map(describeCertificate),
    offers: speaksTls ? survey : undefined,
    greeting,
    backend: await suggest(tls, { failure, remedies, parse, attempt }),
  };
}

/** The handshake that a backend would have, or else the best that there is. */
async function best(
  peer: Peer,
  { versions }: Survey,
  { identity }: SurveyOptions,
): Promise<Spoken | undefined> {
  const usual = await shakeHands(peer, identity);
  if (!isFailure(usual)) return usual;
  const [newest] = versions;
  if (newest === undefined) return undefined;
  const old = { minVersion: newest, maxVersion: newest, ciphers: "ALL:@SECLEVEL=0" };
  const answer = await shakeHands(peer, { ...identity, ...old });
  return isFailure(answer) ? undefined : answer;
}

/** Its chain stands apart, and a session is nobody's business. */
function handshakeOf({ chain: _, session: __, suite: ___, ...handshake }: Spoken): Handshake {
  return handshake;
}

/** Whether the peer has said nothing that only TLS says. */
function mayBePlain({ code, isLate }: Failure): boolean {
  return isLate === true || code === undefined || /^ECONN|WRONG_VERSION|PACKET_LENGTH|EOF/.test(code);
}

function plainReason({ protocol }: Greeting): string {
  return `the peer does not begin with TLS: it speaks ${protocol}`;
}
