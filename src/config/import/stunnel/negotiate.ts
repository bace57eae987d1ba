import { Block, type Value } from "../commented-yaml.ts";
import type { Reader } from "./reader.ts";

/** What a `protocol` becomes, on each side. */
export interface Negotiated {
  readonly frontend?: Value;
  readonly backend?: Value;
  readonly proxyProtocol?: "v1";
  /** Clients say where they want to go. */
  readonly destination?: true;
  /** Why the service cannot be carried over. */
  readonly fault?: string;
}

const details = [
  ...["protocolAuthentication", "protocolHeader", "protocolHost", "protocolPassword", "protocolUsername"],
];
const lines = {
  server: ["smtp", "pop3", "imap", "pgsql"],
  client: ["smtp", "pop3", "imap", "nntp", "ldap", "pgsql"],
};

export function negotiated(
  reader: Reader,
  { client, service }: { readonly client: boolean; readonly service: string },
): Negotiated {
  const setting = reader.last("protocol");
  const name = setting?.value.toLowerCase();
  if (client && (name === "connect" || name === "socks")) return throughProxy(reader, name, service);
  for (const detail of details)
    reader.refuse(
      reader.last(detail),
      client && name === "smtp"
        ? "after STARTTLS the client itself says who it is"
        : "nothing here has a use for it",
    );
  if (setting === undefined || name === undefined) return {};
  if (lines[client ? "client" : "server"].includes(name))
    return client ? { backend: name } : { frontend: name };
  if (name === "proxy" && !client) return { proxyProtocol: "v1" };
  if (name === "socks") return { frontend: "socks", destination: true };
  const side = client ? "towards a server" : "towards clients";
  reader.refuse(setting, `${setting.value} is not spoken ${side}`);
  return { fault: "its protocol is not spoken" };
}

function throughProxy(reader: Reader, protocol: "connect" | "socks", service: string): Negotiated {
  const host = reader.last("protocolHost");
  const block = new Block().set("protocol", protocol);
  if (!host) {
    reader.refuse(
      reader.last("protocol"),
      "without protocolHost nobody says where the proxy is to connect to",
    );
    return { fault: "its destination is not known" };
  }
  block.set("destination", /:\d+$/.test(host.value) ? host.value : `${host.value}:443`);
  const authentication = reader.last("protocolAuthentication");
  if (authentication && !/^basic$/i.test(authentication.value))
    reader.refuse(authentication, "only basic authentication is spoken");
  else reader.drop(authentication, "it is the default");
  block.set("username", reader.text("protocolUsername"));
  const password = reader.last("protocolPassword");
  if (password)
    block.set(
      "passwordFile",
      `${service}.password`,
      `${password.place}: write the password into this file, and let nobody else read it`,
    );
  reader.refuse(reader.last("protocolHeader"), "no headers are added to what is asked of a proxy");
  // stunnel's socks speaks to the proxy inside TLS, its connect before
  if (protocol === "socks") block.set("insideTls", true);
  return { backend: block };
}
