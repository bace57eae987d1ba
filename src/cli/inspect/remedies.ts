import type { X509Certificate } from "node:crypto";
import { formatAddress, isHostName } from "../../core/address.ts";
import { describeCertificate } from "../certificate-description.ts";
import type { Greeting } from "./greeting.ts";
import type { Failure, Peer } from "./peer.ts";
import type { Survey } from "./survey.ts";

/** What was found out about a peer that a tunnel would not get on with. */
export interface Case {
  readonly peer: Peer;
  readonly failure: Failure;
  readonly chain: readonly X509Certificate[];
  readonly survey: Survey | undefined;
  readonly greeting: Greeting | undefined;
  /** Whether the peer asks for a certificate of ours, as far as it can be told. */
  readonly asksCertificate: boolean | undefined;
  /** Whether it got one. */
  readonly hasCertificate: boolean;
}

/** What the operator can do about a failure. */
export interface Remedy {
  /** In words; names are the configuration's. */
  readonly says: string;
  /** The same as further options of a backend's `tls`; undefined where only words help. */
  readonly tls?: Readonly<Record<string, unknown>>;
  /** The options name a file that the operator has yet to get. */
  readonly needsFile?: true;
}

/** The likeliest first. */
export function remediesOf(found: Case): readonly Remedy[] {
  const { failure, peer, greeting } = found;
  if (failure.step === "connect")
    return words(`see whether something listens on ${formatAddress(peer.address)}`);
  if (failure.step === "negotiate") return words("see whether this is the protocol that the peer speaks");
  if (greeting) return words(plainRemedy(greeting, peer));
  const says = `${failure.code ?? ""} ${failure.reason}`;
  return remedies.find(({ failed }) => failed.test(says))?.remedy(found) ?? lastResort(found);
}

const remedies: readonly { readonly failed: RegExp; remedy(found: Case): readonly Remedy[] }[] = [
  { failed: /^(\w*UNABLE_TO_|\w*SELF_SIGNED|CERT_UNTRUSTED|INVALID_CA)/, remedy: trust },
  { failed: /ALTNAME|no-name|RFC 9525/, remedy: name },
  { failed: /^CERT_HAS_EXPIRED/, remedy: expired },
  { failed: /^CERT_NOT_YET_VALID/, remedy: notYet },
  { failed: /CERTIFICATE_REQUIRED|ALERT\w*CERTIFICATE|UNKNOWN_CA/, remedy: clientCertificate },
  { failed: /UNRECOGNIZED_NAME/, remedy: nameless },
  { failed: /NO_APPLICATION_PROTOCOL/, remedy: protocols },
  { failed: /too (weak|short|small)|TOO_SMALL|TOO_WEAK/, remedy: weak },
  {
    failed: /PROTOCOL_VERSION|UNSUPPORTED_PROTOCOL|VERSION_TOO_LOW|HANDSHAKE_FAILURE|NO_SHARED|LEGACY/,
    remedy: old,
  },
];

function words(...says: readonly string[]): readonly Remedy[] {
  return says.map((one) => ({ says: one }));
}

function plainRemedy({ protocol, starttls, text }: Greeting, { serverName }: Peer): string {
  if (starttls !== undefined) return `negotiate: ${starttls} (try it: inspect … --starttls ${starttls})`;
  if (protocol !== undefined) return `leave out tls: the peer speaks ${protocol} without it`;
  return text === ""
    ? `see what ${serverName || "the peer"} speaks: it says nothing by itself`
    : "see what the peer speaks, or leave out tls";
}

function trust({ chain }: Case): readonly Remedy[] {
  const [own] = chain;
  const last = chain.at(-1);
  if (!own || !last)
    return words("ca: a file with the certificate of the authority that has issued the peer's");
  const { spki } = describeCertificate(own);
  const pin: Remedy = {
    says: `verify: pin and allow: { spki: ["${spki}"] }, if that is the key that you expect`,
    tls: { verify: "pin", ca: undefined, allow: { spki: [spki] } },
  };
  if (own.checkIssued(own)) return [{ says: "ca: a file with this very certificate" }, pin];
  const { subject, issuer } = describeCertificate(last);
  const missing =
    "; if that is an intermediate authority, the chain is incomplete: the peer must send its intermediate certificates";
  const file = last.checkIssued(last)
    ? `ca: a file with the root that the peer sends (${subject}), if you trust it`
    : `ca: a file with the authority's certificate (issuer: ${issuer})${missing}`;
  return [{ says: file }, pin];
}

function name({ chain: [own], peer }: Case): readonly Remedy[] {
  const names = own
    ? describeCertificate(own).names.filter(({ type }) => type === "dns" || type === "ip")
    : [];
  const anyName: Remedy = {
    says: "verify: chain, which takes any name of that authority",
    tls: { verify: "chain" },
  };
  if (names.length === 0)
    return [...words("have a certificate made with a subject alternative name"), anyName];
  // a stranger's certificate may hold any text as a name
  const [first] = names.filter(({ value }) => isHostName(value));
  const listed = names.map(({ value }) => value).slice(0, mostNames);
  const more = names.length > mostNames ? ` and ${names.length - mostNames} more` : "";
  const says = `serverName: ${first?.value ?? "one that fits"}, since the certificate is for ${listed.join(", ")}${more}, not for ${peer.serverName || "any name of its address"}`;
  return [{ says, ...(first ? { tls: { serverName: first.value } } : {}) }, ...(first ? [] : [anyName])];
}

/** Of one certificate, in a sentence. */
const mostNames = 10;

function expired({ chain }: Case): readonly Remedy[] {
  const ended = chain.map(describeCertificate).find(({ daysLeft }) => daysLeft < 0);
  if (!ended) return words("have the peer's certificate renewed; see that the clock is right here");
  return words(
    `have the certificate of ${ended.subject || "(empty)"} renewed: it ended on ${ended.notAfter}; see that the clock is right here`,
  );
}

function notYet({ chain }: Case): readonly Remedy[] {
  const future = chain.map(describeCertificate).find(({ notBefore }) => Date.parse(notBefore) > Date.now());
  const begins = future ? `: ${future.subject || "(empty)"} begins on ${future.notBefore}` : "";
  return words(`see that the clock is right, here and where it was made${begins}`);
}

function clientCertificate({ hasCertificate }: Case): readonly Remedy[] {
  const tls = { cert: "client.crt", key: "client.key" };
  if (hasCertificate)
    return words("cert: and key: of another certificate, since the peer does not take this one");
  return [{ says: "cert: and key: of a certificate that the peer takes", tls, needsFile: true }];
}

function nameless(): readonly Remedy[] {
  return [{ says: "serverName: another name, or false for none", tls: { serverName: false } }];
}

function protocols({ survey }: Case): readonly Remedy[] {
  const alpn = survey?.alpn ?? [];
  if (alpn.length === 0)
    return words("alpn: a protocol that the peer speaks; it has taken none of the usual");
  return [{ says: `alpn: [${alpn.join(", ")}]`, tls: { alpn: [...alpn] } }];
}

function weak(): readonly Remedy[] {
  return [
    {
      says: "legacy: true, which takes short keys and old signatures, until the peer has a better certificate",
      tls: { legacy: true },
    },
  ];
}

function old(found: Case): readonly Remedy[] {
  const { survey, asksCertificate, hasCertificate } = found;
  const newest = survey?.versions[0];
  if (newest === undefined)
    return words(
      "see what the peer expects: it refuses whatever is offered; a client certificate, perhaps, or another name",
    );
  if (newest < "TLSv1.2")
    return [
      {
        says: `legacy: true and minVersion: ${newest}, until the peer can do better`,
        tls: { legacy: true, minVersion: newest },
      },
    ];
  // a server of TLS 1.2 that gets no certificate refuses with the same words as one that finds no suite
  if (asksCertificate === true) return clientCertificate(found);
  const mayAsk = asksCertificate === undefined && !hasCertificate;
  const certificate = mayAsk ? words("cert: and key: of a certificate that the peer takes") : [];
  return [{ says: "legacy: true, until the peer can do better", tls: { legacy: true } }, ...certificate];
}

function lastResort(found: Case): readonly Remedy[] {
  const { failure, asksCertificate, hasCertificate, survey } = found;
  if (asksCertificate === true && !hasCertificate) return clientCertificate(found);
  const versions = survey?.versions ?? [];
  if (versions.length > 0) return intolerance(found);
  if (failure.isLate !== true) return [];
  return words(
    "see what the peer speaks: it says nothing by itself, and does not answer TLS; or give it more time with --timeout",
  );
}

/** A peer, or something on the way, that does not bear what is newest in a hello, and leaves or falls silent. */
function intolerance({ survey }: Case): readonly Remedy[] {
  const groups = (survey?.groups ?? []).filter((group) => group !== largeGroup && !group.startsWith("ffdhe"));
  const remedies: Remedy[] = [];
  if (groups.length > 0 && !survey?.groups.includes(largeGroup))
    remedies.push({
      says: `groups: [${groups.join(", ")}], since the hello with ${largeGroup} does not fit into one packet, which some do not bear`,
      tls: { groups },
    });
  if (!survey?.versions.includes("TLSv1.3"))
    remedies.push({ says: "maxVersion: TLSv1.2", tls: { maxVersion: "TLSv1.2" } });
  return remedies;
}

const largeGroup = "X25519MLKEM768";
