import { consistentHash } from "../backend/balancers/consistent-hash.ts";
import { errorWeighted } from "../backend/balancers/error-weighted.ts";
import { leastConnections } from "../backend/balancers/least-connections.ts";
import { powerOfTwo } from "../backend/balancers/power-of-two.ts";
import { random } from "../backend/balancers/random.ts";
import { roundRobin } from "../backend/balancers/round-robin.ts";
import { dns } from "../backend/discovery/dns.ts";
import { exchange } from "../backend/health/exchange.ts";
import { http } from "../backend/health/http.ts";
import { tcp } from "../backend/health/tcp.ts";
import { tls } from "../backend/health/tls.ts";
import type { Balancer, Probe, Provider } from "../core/backend.ts";
import type { Negotiation } from "../core/negotiation.ts";
import type { Plugin, Plugins } from "../core/plugin.ts";
import { connectClient, connectServer } from "../protocol/negotiations/connect.ts";
import { ftpClient, ftpServer } from "../protocol/negotiations/ftp.ts";
import { imapClient, imapServer } from "../protocol/negotiations/imap.ts";
import { ldapClient, ldapServer } from "../protocol/negotiations/ldap.ts";
import { mysqlClient, mysqlServer } from "../protocol/negotiations/mysql.ts";
import { nntpClient, nntpServer } from "../protocol/negotiations/nntp.ts";
import { pgsqlClient, pgsqlServer } from "../protocol/negotiations/pgsql.ts";
import { pop3Client, pop3Server } from "../protocol/negotiations/pop3.ts";
import { sieveClient, sieveServer } from "../protocol/negotiations/sieve.ts";
import { smtpClient, smtpServer } from "../protocol/negotiations/smtp.ts";
import { socksClient, socksServer } from "../protocol/negotiations/socks.ts";
import { xmppClient, xmppServer } from "../protocol/negotiations/xmpp.ts";

const balancers: readonly Plugin<Balancer>[] = [
  roundRobin,
  random,
  leastConnections,
  powerOfTwo,
  errorWeighted,
  consistentHash,
];

const probes: readonly Plugin<Probe>[] = [tcp, tls, http, exchange];

const providers: readonly Plugin<Provider>[] = [dns];

const serverNegotiations: readonly Plugin<Negotiation>[] = [
  ...[smtpServer, imapServer, pop3Server, nntpServer, ftpServer, sieveServer, xmppServer, ldapServer],
  ...[pgsqlServer, mysqlServer, connectServer, socksServer],
];

const clientNegotiations: readonly Plugin<Negotiation>[] = [
  ...[smtpClient, imapClient, pop3Client, nntpClient, ftpClient, sieveClient, xmppClient, ldapClient],
  ...[pgsqlClient, mysqlClient, connectClient, socksClient],
];

/** What comes with the program, by role; the first of each is the default. */
export const plugins: Plugins = {
  balancers,
  probes,
  providers,
  serverNegotiations,
  clientNegotiations,
};
