import type { X509Certificate } from "node:crypto";
import { describeCertificate } from "../certificate-description.ts";
import type { TriedAddress } from "./addresses.ts";
import type { Survey } from "./survey.ts";

interface Found {
  readonly survey: Survey | undefined;
  readonly chain: readonly X509Certificate[];
  readonly addresses: readonly TriedAddress[];
}

/** A certificate that ends sooner is worth a warning, in days. */
const soon = 30;

/** What is bad about a peer although it may work. */
export function warningsOf({ survey, chain, addresses }: Found): readonly string[] {
  const warnings: string[] = [];
  const dead = addresses.filter(({ reason }) => reason !== undefined);
  if (dead.length < addresses.length)
    for (const { address, reason } of dead) warnings.push(`no connection to ${address}: ${reason}`);
  const versions = survey?.versions ?? [];
  const weak = versions.filter((version) => version < "TLSv1.2");
  if (weak.length > 0)
    warnings.push(
      `${weak.join(" and ")} ${weak.length === 1 ? "is" : "are"} spoken, which is broken (RFC 8996)`,
    );
  if (versions.length > 0 && !versions.includes("TLSv1.3")) warnings.push("TLS 1.3 is not spoken");
  for (const certificate of chain) {
    const { subject, daysLeft } = describeCertificate(certificate);
    if (daysLeft >= 0 && daysLeft < soon)
      warnings.push(`the certificate of ${subject || "(empty)"} ends in ${daysLeft} days`);
  }
  if (survey?.incomplete)
    warnings.push("the peer has stopped to answer in between: what is missing may be there");
  return warnings;
}
