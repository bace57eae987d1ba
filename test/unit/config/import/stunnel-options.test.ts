// Whoever imports a configuration reads only what the importer says. So it is silent about no option of stunnel's manual: what is
// carried over stands in the YAML, and a comment names everything else with the reason.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { parse } from "yaml";
import { importStunnel } from "../../../../src/config/import/stunnel/import-stunnel.ts";
import { stunnelOptions } from "../../../../src/config/import/stunnel/options.ts";

/** What becomes of a line: a value in the YAML, below the tunnel or (with a slash) the document; or a comment on the line. */
type Fate =
  | { readonly at: string; readonly is: unknown }
  | "not carried over"
  | "not needed"
  /** Whatever else is said of the line. */
  | "remark"
  /** What is said of the service, where that names the option. */
  | RegExp;

interface Case {
  readonly role: "program" | "server" | "client" | "virtual";
  /** One line that gives the option. */
  readonly line: string;
  readonly fate: Fate;
  /** Further lines of the service, without which the option would mean nothing. */
  readonly beside: readonly string[];
}

const as =
  (role: Case["role"]) =>
  (line: string, fate: Fate, ...beside: readonly string[]): Case => ({ role, line, fate, beside });
const [program, server, client, virtual] = [as("program"), as("server"), as("client"), as("virtual")];
const at = (path: string, is: unknown): Fate => ({ at: path, is });
const [refused, dropped, remark] = ["not carried over", "not needed", "remark"] as const;

/** What makes a service whole. */
const usual = ["accept = 443", "connect = 192.0.2.9:80"];
const own = "cert = own.pem";
const chain = ["CAfile = ca.crt", "verifyChain = yes"];
const psk = "PSKsecrets = psk.txt";
const proxy = ["protocol = connect", "protocolHost = far.example.com:443"];

/** The options of stunnel 5.75 in the order of the manual's sections, for the program and for services. */
const table: Readonly<Record<string, readonly Case[]>> = {
  chroot: [program("chroot = /var/lib/stunnel", refused)],
  compression: [program("compression = deflate", refused)],
  debug: [
    program("debug = 7", at("/log.level", "debug")),
    program("debug = daemon.err", at("/log.level", "error")),
    program("debug = 5", dropped),
    server("debug = 7", refused),
  ],
  EGD: [program("EGD = /run/egd", dropped)],
  engine: [program("engine = pkcs11", refused)],
  engineCtrl: [program("engineCtrl = PIN:1234", refused)],
  engineDefault: [program("engineDefault = ALL", refused)],
  fips: [program("fips = yes", refused), program("fips = no", dropped), server("fips = yes", refused)],
  foreground: [program("foreground = yes", dropped)],
  iconActive: [program("iconActive = a.ico", dropped)],
  iconError: [program("iconError = e.ico", dropped)],
  iconIdle: [program("iconIdle = i.ico", dropped)],
  taskbar: [program("taskbar = no", dropped)],
  log: [program("log = append", dropped)],
  output: [program("output = /var/log/stunnel.log", refused)],
  pid: [program("pid = /run/stunnel.pid", dropped)],
  provider: [program("provider = pkcs11", refused)],
  providerParameter: [program("providerParameter = pkcs11:pin=1234", refused)],
  RNDbytes: [program("RNDbytes = 64", dropped)],
  RNDfile: [program("RNDfile = /dev/urandom", dropped)],
  RNDoverwrite: [program("RNDoverwrite = yes", dropped)],
  service: [program("service = stunnel", dropped)],
  setEnv: [program("setEnv = LANG=C", refused)],
  setgid: [
    program("setgid = nogroup", refused),
    program("setgid = nogroup", at("/group", "nogroup"), "setuid = nobody"),
    server("setgid = www", refused),
  ],
  setuid: [program("setuid = nobody", at("/user", "nobody")), server("setuid = www", refused)],
  syslog: [program("syslog = yes", dropped)],
  include: [program("include = conf.d", dropped), program("include = nowhere", refused)],

  accept: [
    server("accept = :::8443", at("frontend.listen", ["0.0.0.0:443", "[::]:8443"])),
    client("accept = /run/redis.sock", at("frontend.listen", ["0.0.0.0:443", "unix:/run/redis.sock"])),
    server("accept = nowhere", refused),
    virtual("accept = 8443", refused),
  ],
  CAengine: [server("CAengine = some", refused, ...chain), client("CAengine = some", refused)],
  CApath: [
    server("CApath = authorities/", at("frontend.tls.client.ca", "authorities/all.pem"), "verifyChain = yes"),
    client("CApath = authorities", at("backend.tls.ca", "authorities/all.pem"), "verifyChain = yes"),
    client("CApath = /etc/ssl/certs", dropped, "verifyChain = yes"),
    client("CApath = authorities", refused, ...chain),
    server("CApath = authorities", dropped),
    client("CApath = authorities", dropped),
    client("CApath = authorities", dropped, psk),
  ],
  CAfile: [
    server("CAfile = ca.crt", at("frontend.tls.client.ca", "ca.crt"), "verifyChain = yes"),
    server("CAfile = own.crt", at("frontend.tls.client.allow.certificates", "own.crt"), "verifyPeer = yes"),
    server(
      "CAfile = a.crt",
      at("frontend.tls.client.ca", "a.crt.authorities"),
      "verify = 3",
      "OCSPaia = yes",
    ),
    client("CAfile = ca.crt", at("backend.tls.ca", "ca.crt"), "verifyChain = yes"),
    client("CAfile = own.crt", at("backend.tls.allow.certificates", "own.crt"), "verifyPeer = yes"),
    client("CAfile = /etc/ssl/certs/ca-certificates.crt", dropped, "verifyChain = yes"),
    server("CAfile = ca.crt", dropped),
    client("CAfile = ca.crt", dropped),
    server("CAfile = ca.crt", dropped, psk),
    client("CAfile = ca.crt", dropped, psk),
  ],
  CAstore: [server("CAstore = org.openssl.winstore://", refused, ...chain)],
  cert: [
    server("cert = a.crt", at("frontend.tls.cert", "a.crt")),
    server("cert = a.p12", at("frontend.tls.pfx", "a.p12")),
    client("cert = a.crt", at("backend.tls.cert", "a.crt"), "key = a.key"),
    virtual("cert = a.crt", at("routes.0.tls.cert", "a.crt")),
    server("cert = pkcs11:object=web", refused),
    server("cert = a.crt", refused, psk),
    client("cert = a.crt", dropped, psk),
  ],
  key: [
    server("key = a.key", at("frontend.tls.key", "a.key")),
    client("key = a.key", at("backend.tls.key", "a.key"), "cert = a.crt"),
    client("key = a.key", dropped, "cert = a.p12"),
    client("key = a.key", dropped),
    client("key = pkcs11:object=web", refused, "cert = a.crt"),
    server("key = a.key", refused, psk),
  ],
  checkEmail: [
    server(
      "checkEmail = ops@example.com",
      at("frontend.tls.client.allow.email", ["ops@example.com"]),
      ...chain,
    ),
    client("checkEmail = ops@example.com", at("backend.tls.allow.email", ["ops@example.com"]), ...chain),
    server("checkEmail = ops@example.com", dropped),
    client("checkEmail = ops@example.com", dropped),
  ],
  checkHost: [
    server("checkHost = a.example.com", at("frontend.tls.client.allow.dns", ["a.example.com"]), ...chain),
    client("checkHost = a.example.com", at("backend.tls.serverName", "a.example.com"), ...chain),
    client(
      "checkHost = a.example.com",
      at("backend.tls.allow.dns", ["a.example.com"]),
      ...chain,
      "sni = b.example.com",
    ),
    server("checkHost = a.example.com", refused, "CAfile = own.crt", "verifyPeer = yes"),
    client("checkHost = a.example.com", refused, "CAfile = own.crt", "verifyPeer = yes"),
    client("checkHost = a.example.com", dropped),
    client("checkHost = a.example.com", dropped, psk),
  ],
  checkIP: [
    server("checkIP = 192.0.2.1", at("frontend.tls.client.allow.ip", ["192.0.2.1"]), ...chain),
    client("checkIP = 192.0.2.1", at("backend.tls.serverName", "192.0.2.1"), ...chain),
    client("checkIP = 192.0.2.1", dropped),
  ],
  ciphers: [
    server("ciphers = ECDHE+AESGCM", at("frontend.tls.ciphers", /^TLS_.*:ECDHE\+AESGCM$/)),
    client("ciphers = PSK", at("backend.tls.ciphers", /^TLS_.*:PSK$/), psk),
  ],
  ciphersuites: [
    server("ciphersuites = TLS_AES_128_GCM_SHA256", at("frontend.tls.ciphers", /^TLS_AES_128_GCM_SHA256:E/)),
    client("ciphersuites = TLS_AES_128_GCM_SHA256", at("backend.tls.ciphers", /^TLS_AES_128_GCM_SHA256:E/)),
  ],
  client: [
    client("client = yes", at("backend.tls.verify", "none")),
    server("client = no", at("frontend.tls.cert", "own.pem")),
  ],
  config: [
    server("config = MinProtocol:TLSv1.3", at("frontend.tls.minVersion", "TLSv1.3")),
    server("config = MinProtocol:TLSv1.2", dropped),
    client("config = MaxProtocol:TLSv1.2", at("backend.tls.maxVersion", "TLSv1.2")),
    client("config = MaxProtocol:TLSv1.3", dropped),
    server("config = Curves:X25519:P-256", at("frontend.tls.groups", ["X25519", "P-256"])),
    server("config = Groups:X25519", at("frontend.tls.groups", ["X25519"])),
    server("config = CipherString:ECDHE+AESGCM", at("frontend.tls.ciphers", /:ECDHE\+AESGCM$/)),
    server("config = Ciphersuites:TLS_AES_128_GCM_SHA256", at("frontend.tls.ciphers", /^TLS_AES_128_GCM/)),
    server(
      "config = SignatureAlgorithms:RSA-PSS+SHA256",
      at("frontend.tls.signatureAlgorithms", ["RSA-PSS+SHA256"]),
    ),
    server("config = RecordPadding:512", refused),
  ],
  connect: [
    server("connect = 10.0.0.1:80", at("backend.targets.1.address", "10.0.0.1:80")),
    client("connect = /run/redis.sock", at("backend.targets.1.address", "unix:/run/redis.sock")),
    virtual("connect = 10.0.0.1:80", at("routes.0.backend.targets.1.address", "10.0.0.1:80")),
    server("connect = 10.0.0.1:80", dropped, "connect = 10.0.0.1:80"),
    server("connect = nowhere", refused),
    server("connect = 10.0.0.1:80", dropped, "protocol = socks"),
  ],
  CRLfile: [
    server("CRLfile = ca.crl", at("frontend.tls.client.crl", "ca.crl"), ...chain),
    client("CRLfile = ca.crl", at("backend.tls.crl", "ca.crl"), ...chain),
    server(
      "CRLfile = ca.crl",
      at("frontend.tls.client.crl", "ca.crl"),
      "CAfile = own.crt",
      "verifyPeer = yes",
    ),
    client("CRLfile = ca.crl", at("backend.tls.crl", "ca.crl"), "CAfile = own.crt", "verifyPeer = yes"),
    server("CRLfile = ca.crl", refused),
    client("CRLfile = ca.crl", refused),
    client("CRLfile = ca.crl", refused, psk),
  ],
  CRLpath: [
    server("CRLpath = crls", at("frontend.tls.client.crl", "crls"), ...chain),
    client("CRLpath = crls", at("backend.tls.crl", "crls"), ...chain),
    server("CRLpath = crls", refused),
  ],
  curves: [
    server("curves = X25519:P-256", at("frontend.tls.groups", ["X25519", "P-256"])),
    client("curve = P-256", at("backend.tls.groups", ["P-256"])),
  ],
  delay: [server("delay = yes", dropped)],
  engineId: [server("engineId = pkcs11", refused), client("engineId = pkcs11", refused)],
  engineNum: [server("engineNum = 1", refused)],
  exec: [server("exec = /usr/sbin/pppd", refused), client("exec = /usr/bin/ssh", refused)],
  execArgs: [server("execArgs = pppd local", refused)],
  failover: [
    server("failover = prio", at("backend.targets.1.priority", 1), "connect = 10.0.0.1:80"),
    server("failover = rr", at("backend.balance", "round-robin"), "connect = 10.0.0.1:80"),
    server("failover = prio", dropped),
    server("failover = rr", at("backend.balance", "round-robin")),
    server("failover = rr", dropped, "protocol = socks"),
  ],
  ident: [server("ident = root", refused)],
  libwrap: [server("libwrap = no", dropped), server("libwrap = yes", refused)],
  local: [client("local = 192.0.2.5", refused)],
  logId: [server("logId = unique", dropped)],
  OCSP: [
    server(
      "OCSP = http://ocsp.example.com",
      at("frontend.tls.client.ocsp.responder", "http://ocsp.example.com"),
      ...chain,
    ),
    client(
      "OCSP = http://ocsp.example.com",
      at("backend.tls.ocsp.responder", "http://ocsp.example.com"),
      ...chain,
    ),
    client("OCSP = http://ocsp.example.com", refused),
  ],
  OCSPaia: [
    server("OCSPaia = yes", at("frontend.tls.client.ocsp.mode", "hard"), ...chain),
    server("OCSPaia = no", dropped, ...chain),
    server("OCSPaia = yes", remark, ...chain, "OCSP = http://ocsp.example.com"),
    server("OCSPaia = no", dropped, ...chain, "OCSP = http://ocsp.example.com"),
    client("OCSPaia = yes", refused),
    client("OCSPaia = no", dropped),
  ],
  OCSPflag: [client("OCSPflag = NOCERTS", refused, ...chain, "OCSPaia = yes")],
  OCSPnonce: [
    client("OCSPnonce = yes", at("backend.tls.ocsp.nonce", true), ...chain, "OCSPaia = yes"),
    client("OCSPnonce = no", dropped, ...chain, "OCSPaia = yes"),
    client("OCSPnonce = yes", dropped, ...chain),
    client("OCSPnonce = yes", dropped),
  ],
  OCSPrequire: [
    client("OCSPrequire = no", at("backend.tls.ocsp.mode", "soft"), ...chain, "OCSPaia = yes"),
    client("OCSPrequire = yes", at("backend.tls.ocsp.mode", "hard"), ...chain, "OCSPaia = yes"),
    client("OCSPrequire = yes", dropped, ...chain),
  ],
  options: [
    server("options = NO_TLSv1.2", at("frontend.tls.minVersion", "TLSv1.3")),
    client("options = NO_TLSv1.3", at("backend.tls.maxVersion", "TLSv1.2")),
    server("options = NO_SSLv3", dropped),
    server("options = SINGLE_ECDH_USE", dropped),
    server("options = CIPHER_SERVER_PREFERENCE", dropped),
    server("options = NO_TICKET", at("frontend.tls.session.tickets", false)),
    client("options = NO_TICKET", refused),
    server("options = NO_TICKET", dropped, psk),
    server("options = -NO_SSLv3", refused),
    server("options = ALLOW_UNSAFE_LEGACY_RENEGOTIATION", refused),
  ],
  protocol: [
    server("protocol = smtp", at("frontend.negotiate", "smtp")),
    server("protocol = proxy", at("backend.proxyProtocol", "v1")),
    server("protocol = socks", at("frontend.negotiate", "socks")),
    server("protocol = connect", refused),
    server("protocol = cifs", refused),
    virtual("protocol = proxy", at("routes.0.backend.proxyProtocol", "v1")),
    virtual("protocol = imap", refused),
    client("protocol = ldap", at("backend.negotiate", "ldap")),
    client(
      "protocol = connect",
      at("backend.negotiate.protocol", "connect"),
      "protocolHost = far.example.com:443",
    ),
    client("protocol = connect", refused),
    client("protocol = capwin", refused),
  ],
  protocolAuthentication: [
    client("protocolAuthentication = basic", dropped, ...proxy),
    client("protocolAuthentication = ntlm", refused, ...proxy),
    client("protocolAuthentication = login", refused, "protocol = smtp"),
    client("protocolAuthentication = basic", refused),
  ],
  protocolDomain: [client("protocolDomain = OFFICE", refused, ...proxy)],
  protocolHeader: [client("protocolHeader = X-From: here", refused, ...proxy)],
  protocolHost: [
    client(
      "protocolHost = far.example.com:443",
      at("backend.negotiate.destination", "far.example.com:443"),
      "protocol = socks",
    ),
    client("protocolHost = here.example.com", refused, "protocol = smtp"),
    server("protocolHost = far.example.com", refused),
  ],
  protocolPassword: [
    client("protocolPassword = secret", at("backend.negotiate.passwordFile", "s.password"), ...proxy),
    client("protocolPassword = secret", refused, "protocol = smtp"),
  ],
  protocolUsername: [
    client("protocolUsername = me", at("backend.negotiate.username", "me"), ...proxy),
    client("protocolUsername = me", refused, "protocol = smtp"),
  ],
  PSKidentity: [
    client("PSKidentity = alice", at("backend.tls.psk.identity", "alice"), psk),
    server("PSKidentity = alice", dropped, psk),
    client("PSKidentity = alice", dropped),
  ],
  PSKsecrets: [
    client(psk, at("backend.tls.psk.file", "psk.txt")),
    server(psk, at("frontend.tls.psk.file", "psk.txt")),
  ],
  pty: [server("pty = yes", refused)],
  redirect: [
    server("redirect = 9000", at("frontend.tls.client.redirect", "127.0.0.1:9000"), ...chain),
    server("redirect = 9000", remark, ...chain, "requireCert = no"),
    server("redirect = 9000", refused),
    client("redirect = 9000", refused),
  ],
  renegotiation: [server("renegotiation = no", dropped), server("renegotiation = yes", refused)],
  requireCert: [
    server("requireCert = yes", at("frontend.tls.client.verify", "required"), ...chain),
    server("requireCert = no", at("frontend.tls.client.verify", "optional"), ...chain),
    server("requireCert = no", at("frontend.tls.client.verify", "required"), ...chain, "redirect = 9000"),
    server("requireCert = yes", refused),
    server("requireCert = no", dropped),
    server("requireCert = yes", refused, psk),
    client("requireCert = yes", dropped, ...chain),
    client("requireCert = yes", dropped),
  ],
  reset: [server("reset = yes", dropped), server("reset = no", refused)],
  retry: [server("retry = yes", refused)],
  securityLevel: [
    server("securityLevel = 3", at("frontend.tls.ciphers", /:@SECLEVEL=3$/)),
    client("securityLevel = 1", at("backend.tls.ciphers", /:@SECLEVEL=1$/)),
    server("securityLevel = 0", at("frontend.tls.legacy", true)),
    server("securityLevel = 2", dropped),
    server("securityLevel = 0", refused, psk),
    server("securityLevel = 9", refused),
  ],
  sessionCacheSize: [
    server("sessionCacheSize = 5000", at("frontend.tls.session.cache", 5000)),
    server("sessionCacheSize = 0", at("frontend.tls.session.cache", 100_000)),
    server("sessionCacheSize = 5000", dropped, "sessionResume = no"),
    server("sessionCacheSize = 5000", dropped, psk),
    client("sessionCacheSize = 5000", dropped),
  ],
  sessionCacheTimeout: [
    server("sessionCacheTimeout = 600", at("frontend.tls.session.lifetime", "600s")),
    server("session = 600", at("frontend.tls.session.lifetime", "600s")),
    server("sessionCacheTimeout = 600", dropped, psk),
    client("sessionCacheTimeout = 600", dropped),
  ],
  sessiond: [server("sessiond = 192.0.2.9:54321", refused)],
  sessionResume: [
    server("sessionResume = no", at("frontend.tls.session.tickets", false)),
    server("sessionResume = yes", dropped),
    server("sessionResume = no", dropped, psk),
    client("sessionResume = yes", dropped),
    client("sessionResume = no", refused),
    client("sessionResume = no", dropped, psk),
  ],
  sni: [
    client("sni = b.example.com", at("backend.tls.serverName", "b.example.com")),
    client("sni =", at("backend.tls.serverName", false)),
    virtual("sni = s:b.example.com", at("routes.0.match.serverName", "b.example.com")),
    server("sni = nobody:a.example.com", /: not carried over: sni names the service nobody/),
  ],
  socket: [
    server("socket = l:TCP_NODELAY=1", dropped),
    server("socket = r:TCP_KEEPIDLE=60", refused),
    server("socket = a:SO_BINDTODEVICE=eth0", refused),
    server("socket = l:SO_LINGER=1:60", refused),
  ],
  sslVersion: [
    server("sslVersion = TLSv1.2", at("frontend.tls.maxVersion", "TLSv1.2")),
    client("sslVersion = TLSv1.3", at("backend.tls.minVersion", "TLSv1.3")),
    server("sslVersion = TLSv1", at("frontend.tls.legacy", true)),
    server("sslVersion = all", dropped),
    server("sslVersion = SSLv3", refused),
  ],
  sslVersionMax: [
    server("sslVersionMax = TLSv1.2", at("frontend.tls.maxVersion", "TLSv1.2")),
    server("sslVersionMax = TLSv1.3", dropped),
    server("sslVersionMax = all", dropped),
  ],
  sslVersionMin: [
    server("sslVersionMin = TLSv1.3", at("frontend.tls.minVersion", "TLSv1.3")),
    server("sslVersionMin = TLSv1.1", at("frontend.tls.minVersion", "TLSv1.1"), "securityLevel = 0"),
    server("sslVersionMin = TLSv1", remark),
    server("sslVersionMin = TLSv1.2", dropped),
    server("sslVersionMin = all", dropped),
  ],
  stack: [server("stack = 65536", dropped)],
  ticketKeySecret: [server("ticketKeySecret = 00112233445566778899aabbccddeeff", refused)],
  ticketMacSecret: [server("ticketMacSecret = 00112233445566778899aabbccddeeff", refused)],
  TIMEOUTbusy: [
    server("TIMEOUTbusy = 30", at("frontend.timeouts.handshake", "30s")),
    client("TIMEOUTbusy = 30", dropped),
    virtual("TIMEOUTbusy = 30", refused),
  ],
  TIMEOUTclose: [
    server("TIMEOUTclose = 20", at("frontend.timeouts.halfClose", "20s")),
    server("TIMEOUTclose = 0", refused),
    virtual("TIMEOUTclose = 20", refused),
  ],
  TIMEOUTconnect: [
    server("TIMEOUTconnect = 7", at("backend.connect.timeout", "7s")),
    client("TIMEOUTconnect = 0", at("backend.connect.timeout", "1s")),
    virtual("TIMEOUTconnect = 7", at("routes.0.backend.connect.timeout", "7s")),
  ],
  TIMEOUTidle: [
    server("TIMEOUTidle = 3600", at("frontend.timeouts.idle", "3600s")),
    client("TIMEOUTidle = soon", refused),
    virtual("TIMEOUTidle = 3600", refused),
  ],
  TIMEOUTocsp: [
    client("TIMEOUTocsp = 3", at("backend.tls.ocsp.timeout", "3s"), ...chain, "OCSPaia = yes"),
    client("TIMEOUTocsp = 3", dropped, ...chain),
    client("TIMEOUTocsp = 3", dropped),
  ],
  transparent: [
    server("transparent = source", refused),
    server("transparent = destination", refused),
    server("transparent = none", dropped),
  ],
  verify: [
    server("verify = 1", at("frontend.tls.client.verify", "optional"), "CAfile = ca.crt"),
    server("verify = 2", at("frontend.tls.client.verify", "required"), "CAfile = ca.crt"),
    server("verify = 0", dropped),
    client("verify = 2", at("backend.tls.verify", "chain"), "CAfile = ca.crt"),
    client("verify = 4", at("backend.tls.verify", "pin"), "CAfile = own.crt"),
    client("verify = 0", dropped),
  ],
  verifyChain: [
    server("verifyChain = yes", at("frontend.tls.client.ca", "ca.crt"), "CAfile = ca.crt"),
    client("verifyChain = yes", at("backend.tls.verify", "chain"), "CAfile = ca.crt"),
    server("verifyChain = no", dropped),
    client("verifyChain = no", dropped),
    server("verifyChain = yes", refused, psk),
  ],
  verifyPeer: [
    server("verifyPeer = yes", at("frontend.tls.client.allow.certificates", "own.crt"), "CAfile = own.crt"),
    client("verifyPeer = yes", at("backend.tls.verify", "pin"), "CAfile = own.crt"),
    client("verifyPeer = no", dropped),
    client("verifyPeer = yes", dropped, psk),
  ],
};

describe("every option of stunnel's manual", () => {
  it("is in the table", () => {
    assert.equal(Object.keys(table).length, 98);
    assert.deepEqual(Object.keys(table).toSorted(), stunnelOptions.toSorted());
  });

  for (const [option, cases] of Object.entries(table))
    it(`${option}: something is said of it`, () => {
      for (const each of cases) judge(each);
    });

  it("is named where a later line takes its place, but not where a service has another value than the rest", () => {
    const text = ["TIMEOUTidle = 60", "[s]", ...usual, own, "TIMEOUTidle = 70", "TIMEOUTidle = 80"].join(
      "\n",
    );
    const { yaml = "" } = importStunnel(text, { source: "a", readFolder });
    assert.match(yaml, /line 6: TIMEOUTidle = 70: not needed: line 7 takes its place/);
    assert.doesNotMatch(yaml, /TIMEOUTidle = 60/);
    assert.equal(below(parse(yaml), "tunnels.s.frontend.timeouts.idle"), "80s");
  });

  it("is carried over for a virtual server, or leaves it out where no route could do it", () => {
    const text = ["[s]", ...usual, own, "[v]", "sni = s:a.example.com", own, "protocol = socks"].join("\n");
    const { yaml = "" } = importStunnel(text, { source: "a", readFolder });
    assert.match(yaml, /\[v\], line 5: not carried over: no route asks its clients where they want to go/);
    assert.equal(below(parse(yaml), "tunnels.s.routes"), undefined);
  });
});

function judge({ role, line, fate, beside }: Case): void {
  const lines = fileOf({ role, line, beside });
  const { yaml, refused: told } = importStunnel(lines.join("\n"), { source: "a", readFolder });
  const said = [...(yaml ?? "").split("\n"), ...told];
  const given = `${lines.join("\n")}\n----------\n${said.join("\n")}`;
  if (fate instanceof RegExp) assert.match(told.join("\n"), fate, given);
  else if (typeof fate === "object") {
    assert.ok(yaml !== undefined, given);
    const found = below(parse(yaml), fate.at.startsWith("/") ? fate.at.slice(1) : `tunnels.s.${fate.at}`);
    if (fate.is instanceof RegExp) assert.match(String(found), fate.is, given);
    else assert.deepEqual(found, fate.is, given);
  } else {
    const place = `line ${lines.lastIndexOf(line) + 1}: ${line.split("=", 1)[0]}= `;
    const comments = said.filter((text) => text.includes(place));
    assert.ok(comments.length > 0, `nothing is said of ${line}:\n${given}`);
    const reason = fate === remark ? /: (?!not )\S+ \S+ \S+/ : new RegExp(`: ${fate}: \\S+ \\S+`);
    for (const comment of comments) {
      assert.match(comment, reason, given);
      assert.doesNotMatch(comment, /the service cannot be carried over$/, given);
    }
  }
}

/** The lines of a file with one service `s`, or with a virtual server `v` of it, that has the line last. */
function fileOf({ role, line, beside }: Pick<Case, "role" | "line" | "beside">): readonly string[] {
  const whole = [...(role === "client" ? ["client = yes"] : []), ...usual];
  const cert = role === "client" || [line, ...beside].some((one) => one.startsWith("cert")) ? [] : [own];
  if (role === "program") return [...beside, line, "[s]", ...whole, own];
  if (role === "virtual")
    return ["[s]", ...whole, own, "[v]", "sni = s:a.example.com", ...usual.slice(1), ...cert, line];
  return ["[s]", ...whole.filter((one) => one !== line), ...cert, ...beside, line];
}

function below(value: unknown, path: string): unknown {
  return path.split(".").reduce((found, key) => Object(found)[key], value);
}

function readFolder(folder: string): [] {
  if (folder === "conf.d") return [];
  throw new Error(`no folder ${folder}`);
}
