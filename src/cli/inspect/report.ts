import { styleText } from "node:util";
import { stringify } from "yaml";
import { printable } from "../../telemetry/printable.ts";
import { certificateLines } from "../certificate-description.ts";
import type { TriedAddress } from "./addresses.ts";
import { dialogueOptions } from "./dialogue.ts";
import type { Inspection } from "./inspection.ts";
import type { Suggestion } from "./suggestion.ts";

/** A stranger's text may be as long as a certificate is let; a line for people is not. */
const longestLine = 1000;
/** Some servers name every authority of the system. */
const mostAuthorities = 10;

/** An inspection for a person to read: the verdict first, what it rests on below. */
export function reportText(found: Inspection): string {
  return [verdict(found), addresses(found), handshake(found), offers(found), chain(found), backend(found)]
    .filter((part) => part !== "")
    .join("\n");
}

function verdict({ ok, peer, serverName, failure, remedies, warnings }: Inspection): string {
  const badge = ok ? styleText("green", "ok  ") : styleText("red", "FAIL");
  const text = ok ? `the certificate is good for ${serverName}` : (failure?.reason ?? "");
  return [
    `${badge}  ${styleText("bold", peer)}  ${shown(text)}\n`,
    ...remedies.map((remedy) => `      → ${shown(remedy)}\n`),
    ...warnings.map((warning) => `${styleText("yellow", "warn")}  ${shown(warning)}\n`),
  ].join("");
}

function addresses({ addresses: tried }: Inspection): string {
  if (tried.length === 0) return "";
  const width = Math.max(...tried.map(({ address }) => address.length));
  const outcome = ({ ms, reason }: TriedAddress) =>
    ms === undefined ? (reason ?? "") : `connected in ${Math.round(ms)} ms`;
  return section(
    "Addresses",
    tried.map((one) => `${one.address.padEnd(width)}  ${outcome(one)}`),
  );
}

function handshake({ handshake: done, greeting }: Inspection): string {
  if (!done)
    return greeting && greeting.text !== "" ? section("It says", [JSON.stringify(greeting.text)]) : "";
  const { version, cipher, group, alpn, stapled, ms, asksCertificate, authorities, refusal } = done;
  const left = (authorities?.length ?? 0) - mostAuthorities;
  const asks = new Map([
    [true, "a client certificate is asked for"],
    [false, "no client certificate is asked for"],
    [undefined, "whether a client certificate is asked for cannot be told"],
  ]).get(asksCertificate);
  return section("Handshake", [
    `${version}, ${cipher}${group === undefined ? "" : `, ${group}`}`,
    `${Math.round(ms.connect)} ms to connect, ${Math.round(ms.tls)} ms for TLS`,
    `ALPN ${alpn ?? "none"}; OCSP answer ${stapled ? "stapled" : "not stapled"}`,
    `${asks}`,
    ...(authorities ?? []).slice(0, mostAuthorities).map((name) => `  of ${name}`),
    ...(left > 0 ? [`  and of ${left} more`] : []),
    ...(refusal ? [`not finished: ${refusal.reason}`] : []),
  ]);
}

function offers({ offers: survey }: Inspection): string {
  if (!survey) return "";
  const { versions, suites, groups, alpn, resumes, sameWithoutName } = survey;
  const listed = versions.flatMap((version) => [
    `${version}${version < "TLSv1.2" ? " (broken)" : ""}`,
    ...(suites[version] ?? []).map((suite) => `  ${suite}`),
  ]);
  const nameless = new Map([
    [true, "the same certificate without SNI"],
    [false, "another certificate without SNI"],
    [undefined, "no handshake without SNI"],
  ]).get(sameWithoutName);
  return section("It offers", [
    ...listed,
    `groups: ${groups.join(", ") || "none that we know"}`,
    `ALPN: ${alpn.join(", ") || "none of those asked for"}`,
    `sessions are ${resumes ? "" : "not "}resumed; ${nameless}`,
  ]);
}

function chain({ chain: certificates }: Inspection): string {
  return certificates
    .map((certificate, place) =>
      section(certificateTitle(certificates, place), certificateLines(certificate)),
    )
    .join("\n");
}

/** A peer may send what it likes; whether one certificate vouches for the other is the verdict's to say. */
function certificateTitle(certificates: Inspection["chain"], place: number): string {
  if (place === 0) return "Certificate";
  const isIssuer = certificates[place - 1]?.issuer === certificates[place]?.subject;
  return isIssuer ? `Its issuer, ${place} up` : "Sent with it, but not the issuer of the one before";
}

function backend({ peer, serverName, starttls, failure, backend: suggested }: Inspection): string {
  if (!suggested) return "";
  const { tls } = suggested;
  const block = {
    targets: [peer],
    ...(starttls === undefined ? {} : { negotiate: negotiate(starttls, serverName) }),
    tls: { ...tls },
  };
  const text = stringify({ backend: block }, { flowCollectionPadding: true, lineWidth: 0 });
  return section(`In a configuration${failure ? `, ${changed(suggested)}` : ""}`, text.trimEnd().split("\n"));
}

function negotiate(protocol: string, serverName: string): unknown {
  const options = dialogueOptions(protocol, serverName);
  return Object.keys(options).length === 0 ? protocol : { protocol, ...options };
}

function changed({ tls, tried }: Suggestion): string {
  if (!tried) return "changed so that it may work, once these files are there (not tried)";
  // a pin taken from the peer itself proves nothing about it
  return tls["verify"] === "pin"
    ? "changed so that it works (tried), but compare the key with the one that its owner names"
    : "changed so that it works (tried)";
}

function section(title: string, lines: readonly string[]): string {
  return `${styleText("bold", title)}\n${lines.map((line) => `  ${shown(line)}\n`).join("")}`;
}

function shown(text: string): string {
  const line = printable(text);
  return line.length > longestLine
    ? `${line.slice(0, longestLine)}… (${line.length - longestLine} more)`
    : line;
}
