import { formatAddress } from "../core/address.ts";
import type { Inherit, OpenListener } from "./listeners.ts";

/** Finds the listener of an address; port 0 is another address for each tunnel and each place in its list. */
export function inheritFrom(open: readonly OpenListener[]): Inherit {
  return ({ tunnel, wanted, index }) => {
    const anywhere = wanted.kind === "tcp" && wanted.port === 0;
    return open.find(
      (one) =>
        formatAddress(one.wanted) === formatAddress(wanted) &&
        (!anywhere || (one.tunnel === tunnel && one.index === index)),
    )?.listener;
  };
}
