import type { Refusal } from "../access.ts";

/** Why a peer's certificate does not count; the reason is to be read after "client certificate:". */
export interface RevocationRefusal extends Refusal {
  /** It is revoked, or its CRL or OCSP cannot tell. */
  readonly label: "revoked" | "crl" | "ocsp";
}

/** "revoked on 2026-11-27T08:00:00.000Z (keyCompromise), says the CRL of CN=Example" */
export function revoked(
  { date, reason }: { readonly date: Date | undefined; readonly reason: string | undefined },
  by: string,
): RevocationRefusal {
  const when = date ? ` on ${date.toISOString()}` : "";
  return {
    reason: `revoked${when}${reason === undefined ? "" : ` (${reason})`}, says ${by}`,
    label: "revoked",
  };
}
