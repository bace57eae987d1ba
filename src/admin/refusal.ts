/** Why a request was not done; `message` is for the one who asked. */
export class Refusal extends Error {
  override readonly name = "Refusal";
  readonly status: RefusalStatus;
  readonly kind: string;

  constructor(status: RefusalStatus, kind: string, message: string) {
    super(message);
    this.status = status;
    this.kind = kind;
  }
}

export type RefusalStatus = 400 | 401 | 403 | 404 | 405 | 409 | 412 | 413 | 415 | 421 | 428 | 500 | 503;

/** The body of every answer that says no; that of a refused change is a `ReloadResult`, which has the same keys. */
export interface RefusalBody {
  readonly ok: false;
  readonly kind: string;
  readonly message: string;
}
