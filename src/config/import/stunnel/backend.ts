import { type Address, formatAddress } from "../../../core/address.ts";
import { Block } from "../commented-yaml.ts";
import { stunnelAddress } from "./addresses.ts";
import type { Negotiated } from "./negotiate.ts";
import type { Reader } from "./reader.ts";

/** What `attempts` and `deadline` are without being said. */
const usual = { attempts: 3, seconds: 15, timeout: 5 };

/** The addresses of `connect`. */
export function readTargets(reader: Reader): readonly Address[] {
  const known = new Set<string>();
  return reader.all("connect").flatMap((setting) => {
    const address = stunnelAddress(setting.value, "localhost");
    if (!address || (address.kind === "tcp" && address.port === 0)) {
      reader.refuse(setting, "it is no address: give host:PORT with a number");
      return [];
    }
    const key = formatAddress(address);
    if (known.has(key)) {
      reader.drop(setting, "the same target stands above");
      return [];
    }
    known.add(key);
    return [address];
  });
}

export function backendBlock(
  reader: Reader,
  targets: readonly Address[],
  { tls, negotiated }: { readonly tls: Block | undefined; readonly negotiated: Negotiated },
): Block {
  const backend = new Block();
  const failover = reader.last("failover");
  const inTurn = /^rr$/i.test(failover?.value ?? "");
  if (negotiated.destination) {
    for (const setting of reader.all("connect", "failover"))
      reader.drop(setting, "clients say where they want to go");
    backend.set(
      "destination",
      true,
      "private and local addresses are closed unless frontend.negotiate says { protocol: socks, allow: [ … ] }",
    );
  } else if (targets.length > 1 && !inTurn)
    backend.set(
      "targets",
      targets.map((address, priority) =>
        new Block().set("address", formatAddress(address)).set("priority", priority),
      ),
      ...(failover ? [] : ["one after the other, as stunnel does by default; balance: … spreads sessions"]),
    );
  else {
    backend.set("targets", targets.map(formatAddress)).set("balance", inTurn ? "round-robin" : undefined);
    if (!inTurn) reader.drop(failover, "there is one target");
  }
  backend.set("negotiate", negotiated.backend);
  backend.set("tls", tls);
  backend.set("proxyProtocol", negotiated.proxyProtocol);
  backend.set("connect", connectBlock(reader, targets.length));
  return backend;
}

/** stunnel tries every address, each for its own time. */
function connectBlock(reader: Reader, count: number): Block {
  const connect = new Block();
  const setting = reader.last("TIMEOUTconnect");
  const timeout = setting && reader.seconds("TIMEOUTconnect");
  connect.set("timeout", timeout === "0s" ? "1s" : timeout);
  if (timeout === "0s") reader.remark(setting, "an attempt needs some time: one second");
  const attempts = Math.min(count, 100);
  if (attempts > usual.attempts) connect.set("attempts", attempts);
  const seconds =
    Math.max(1, timeout === undefined ? usual.timeout : Number.parseInt(timeout, 10)) * attempts;
  if (seconds > usual.seconds) connect.set("deadline", `${seconds}s`);
  return connect;
}
