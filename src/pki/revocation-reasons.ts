/** CRLReason (RFC 5280, 5.3.1), as far as an authority has use for it. */
export const revocationReasons = {
  keyCompromise: 1,
  cACompromise: 2,
  affiliationChanged: 3,
  superseded: 4,
  cessationOfOperation: 5,
  certificateHold: 6,
} as const;

export type RevocationReason = keyof typeof revocationReasons;
