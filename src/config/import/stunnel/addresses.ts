import { type Address, isHostName } from "../../../core/address.ts";

/** Ports by the names that stunnel's own examples use; the rest of /etc/services differs from machine to machine. */
const services: Readonly<Record<string, number>> = {
  ...{ ftp: 21, ssh: 22, telnet: 23, smtp: 25, http: 80, pop3: 110, nntp: 119, imap: 143, imap2: 143 },
  ...{ ldap: 389, https: 443, smtps: 465, ssmtp: 465, submissions: 465, submission: 587, nntps: 563 },
  ...{
    ldaps: 636,
    ftps: 990,
    telnets: 992,
    imaps: 993,
    pop3s: 995,
    mysql: 3306,
    postgresql: 5432,
    ircs: 6697,
  },
};

/** What stunnel reads as an address: `port`, `host:port` with IPv6 unbracketed, `/path`. Undefined for anything else. */
export function stunnelAddress(text: string, defaultHost: string): Address | undefined {
  if (text.startsWith("/")) return { kind: "unix", path: text };
  const colon = text.lastIndexOf(":");
  const name = text.slice(colon + 1);
  const port = /^\d{1,5}$/.test(name) ? Number(name) : (services[name.toLowerCase()] ?? Number.NaN);
  if (!(port >= 0 && port <= 65_535)) return undefined;
  if (colon < 0) return { kind: "tcp", host: defaultHost, port };
  const written = text.slice(0, colon).replace(/^\[(.*)\]$/, "$1");
  // the manual's ":::PORT" is every IPv6 address
  const host = written === "" ? defaultHost : written;
  return isHostName(host) ? { kind: "tcp", host, port } : undefined;
}
