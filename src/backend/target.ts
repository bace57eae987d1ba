import { type Address, formatAddress } from "../core/address.ts";
import type { Target, TargetAdmin, TargetHealth, TargetSpec } from "../core/backend.ts";

/** Equilibria's ceiling. */
const highestScore = 100;

/** A target and its live state. The backend that owns it is the only one to change it. */
export class LiveTarget implements Target {
  readonly key: string;
  readonly address: Address;
  priority: number;
  maxConnections: number | undefined;
  serverName: string | undefined;
  checkAddress: Address | undefined;
  health: TargetHealth = "up";
  reason: string | undefined;
  changedAt: number | undefined;
  admin: TargetAdmin = "enabled";
  /** The operator's; goes before the configuration's. */
  weightOverride: number | undefined;
  active = 0;
  connections = 0;
  failures = 0;
  errorScore = 0;
  /** Failed attempts without a success between them, for passive checks. */
  consecutiveFailures = 0;
  /** `performance.now()` of the last return to health; 0 before the first. */
  returnedAt = 0;
  /** What it was last said to be. */
  spec: TargetSpec;

  constructor(spec: TargetSpec) {
    this.key = formatAddress(spec.address);
    this.address = spec.address;
    this.spec = spec;
    this.priority = spec.priority ?? 0;
    this.update(spec);
  }

  /** Takes over what may change while the target stays the same. */
  update(spec: TargetSpec): void {
    this.spec = spec;
    this.priority = spec.priority ?? 0;
    this.maxConnections = spec.maxConnections;
    this.serverName = spec.serverName;
    this.checkAddress = spec.checkAddress;
  }

  get weight(): number {
    return this.weightOverride ?? this.spec.weight;
  }

  get overridden(): boolean {
    return this.weightOverride !== undefined || this.admin !== "enabled";
  }

  get usable(): boolean {
    return this.health === "up" && this.admin === "enabled";
  }

  get full(): boolean {
    return this.maxConnections !== undefined && this.active >= this.maxConnections;
  }

  succeeded(): void {
    this.connections++;
    this.consecutiveFailures = 0;
    this.errorScore = Math.max(0, this.errorScore - 1);
  }

  failed(): void {
    this.failures++;
    this.consecutiveFailures++;
    this.errorScore = Math.min(highestScore, this.errorScore + 1);
  }
}
