/** A change that cannot be made; `unknown` when what it is about does not exist. */
export class AmendError extends Error {
  override readonly name = "AmendError";
  readonly kind: "unknown" | "invalid";

  constructor(kind: AmendError["kind"], message: string) {
    super(message);
    this.kind = kind;
  }
}
