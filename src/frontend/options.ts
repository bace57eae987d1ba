import { z } from "zod";
import type { Plugins } from "../core/plugin.ts";
import { duration, listenAddress, network, type SchemaContext, unixMode } from "../core/scalars.ts";
import { negotiateOptions } from "../protocol/negotiations/options.ts";
import { serverTlsOptions } from "../tls/options.ts";
import { limitsOptions } from "./limits-options.ts";

/** What a frontend's schema must know beside its own file. */
export interface FrontendContext extends SchemaContext, Pick<Plugins, "serverNegotiations"> {}

/** A tunnel's `frontend`: an address, or the whole block. */
export function frontendOptions(context: FrontendContext) {
  const listen = listenAddress(context);
  const block = z.strictObject({
    listen: listenOptions(context),
    unixMode: unixMode(),
    allow: networks("networks whose clients may connect; default: everybody"),
    deny: networks("networks whose clients may not connect; checked before allow"),
    proxyProtocol: receiveProxyOptions().optional(),
    negotiate: negotiateOptions({
      ...context,
      plugins: context.serverNegotiations,
      description:
        "what to speak with clients before TLS: STARTTLS of a protocol; or inside TLS: socks, connect",
    }).optional(),
    tls: serverTlsOptions(context).optional(),
    limits: limitsOptions().optional(),
    timeouts: timeoutOptions().optional(),
    acceptWithoutTargets: z.boolean().default(true).meta({
      description: "false: listen only while the backend has a usable target",
    }),
  });
  return z
    .union([listen.transform((one): z.output<typeof block> => ({ ...shortForm, listen: [one] })), block])
    .meta({ description: "where clients connect to: an address, or a block" });
}

const shortForm = { unixMode: 0o600, acceptWithoutTargets: true };

/** Where a frontend listens. */
export function listenOptions(context: SchemaContext) {
  const listen = listenAddress(context);
  return z
    .union([listen.transform((one) => [one]), z.array(listen).min(1)])
    .meta({ description: "one address, or a list of them" });
}

function networks(description: string) {
  return z.array(network()).min(1).optional().meta({ description });
}

/** PROXY headers from proxies before us. */
export function receiveProxyOptions() {
  return z
    .strictObject({
      from: z.array(network()).min(1).meta({
        description: "networks of the proxies; they must send a header, and nobody else may connect",
      }),
    })
    .meta({ description: "take the client's address from PROXY headers, version 1 or 2" });
}

/** Every clock of a session; all but `handshake` may be 0, which means never. */
export function timeoutOptions() {
  return z
    .strictObject({
      handshake: duration({ min: 1 }).optional().meta({
        description:
          "for the whole TLS handshake, and as long before it for a PROXY header and for a negotiation; absolute",
      }),
      idle: duration().optional().meta({ description: "no byte in either direction" }),
      stall: duration().optional().meta({
        description:
          "bytes wait, but the peer takes none; the kernel takes them in steps of up to a megabyte, so leave slow readers time",
      }),
      halfClose: duration().optional().meta({ description: "no byte after one side has ended" }),
      lifetime: duration().optional().meta({ description: "since the accept, whatever moves" }),
    })
    .meta({ description: "the clocks of a session; 0 means never" });
}

export type FrontendOptions = z.output<ReturnType<typeof frontendOptions>>;
export type TimeoutOptions = z.output<ReturnType<typeof timeoutOptions>>;
