/** Candidates, sessions and dice for tests of balancers. */
import { mock } from "node:test";
import { LiveTarget } from "../../src/backend/target.ts";
import type { Balancer, Target } from "../../src/core/backend.ts";
import { Session } from "../../src/core/session.ts";

/** Targets at ports 1, 2, 3 …, one for each weight. */
export function targetsOf(...weights: readonly number[]): readonly LiveTarget[] {
  return weights.map(
    (weight, index) =>
      new LiveTarget({ address: { kind: "tcp", host: "10.0.0.1", port: index + 1 }, weight }),
  );
}

/** A session of a client at this address. */
export function sessionFrom(host = "192.0.2.1", port = 50_000): Session {
  return new Session({
    tunnel: "web",
    client: { kind: "tcp", host, port },
    local: { kind: "tcp", host: "192.0.2.254", port: 443 },
  });
}

/** The positions, from 1, of the targets of `count` picks; every session stays open. */
export function picks(balancer: Balancer, candidates: readonly LiveTarget[], count: number): number[] {
  return Array.from({ length: count }, (_, index) => {
    const picked = balancer.pick(candidates, sessionFrom(`192.0.2.${index % 256}`, 1024 + index));
    const position = (candidates as readonly Target[]).indexOf(picked);
    const target = candidates[position];
    if (target) target.active++;
    return position + 1;
  });
}

/** How often each of the targets was picked. */
export function countsOf(positions: readonly number[], targets: number): number[] {
  const counts = new Array<number>(targets).fill(0);
  for (const position of positions) counts[position - 1] = (counts[position - 1] ?? 0) + 1;
  return counts;
}

/** Pearson's statistic of counts that should be in these proportions. */
export function chiSquared(counts: readonly number[], proportions: readonly number[]): number {
  const total = counts.reduce((sum, count) => sum + count, 0);
  const whole = proportions.reduce((sum, part) => sum + part, 0);
  return counts.reduce((sum, count, index) => {
    const expected = (total * (proportions[index] ?? 0)) / whole;
    return sum + (count - expected) ** 2 / expected;
  }, 0);
}

/** Makes Math.random repeatable until disposed of, so that no test fails by chance: mulberry32. */
export function seededRandom(seed: number): Disposable {
  let state = seed;
  const random = mock.method(Math, "random", () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  });
  return { [Symbol.dispose]: () => random.mock.restore() };
}
