import { isIP } from "node:net";
import type { Negotiation } from "../../core/negotiation.ts";

/** Makes the client's side of a dialogue. */
export type Dialogue = (name: string) => Promise<Negotiation>;

/** What a negotiation is to be told beside its name, as a configuration has it. An XMPP server is asked for a domain. */
export function dialogueOptions(protocol: string, serverName: string): Readonly<Record<string, unknown>> {
  if (protocol !== "xmpp") return {};
  return { domain: isIP(serverName) === 0 && serverName !== "" ? serverName : "localhost" };
}

/** @param serverName whom the peer is taken for */
export async function makeDialogue(protocol: string, serverName: string): Promise<Negotiation> {
  const { plugins } = await import("../../config/plugins.ts");
  const plugin = plugins.clientNegotiations.find(({ name }) => name === protocol);
  if (!plugin) throw new Error(`no negotiation is called ${protocol}`);
  return plugin.create(plugin.options.parse(dialogueOptions(protocol, serverName)));
}
