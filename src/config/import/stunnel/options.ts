/** What is said about an option wherever it stands; the others are read by whoever translates them. */
interface Fixed {
  readonly verdict: "refuse" | "drop";
  readonly why: string;
}

const refuse = (why: string): Fixed => ({ verdict: "refuse", why });
const drop = (why: string): Fixed => ({ verdict: "drop", why });

const engine = refuse(
  "there are no engines and providers here; configure them in openssl.cnf (OPENSSL_CONF), or give the key as a file",
);
const random = drop("the system's random numbers are used");
const icon = drop("there is no window");
const ntlm = refuse("NTLM is not spoken; take basic, or a proxy that asks for nothing");

/** Options whose fate does not depend on their surroundings. */
export const fixedOptions: Readonly<Record<string, Fixed>> = {
  chroot: refuse("take RootDirectory= of systemd or a container; paths below it have to be written in full"),
  compression: refuse("TLS compression gives secrets away (CRIME) and is not spoken"),
  EGD: random,
  engine,
  engineCtrl: engine,
  engineDefault: engine,
  provider: engine,
  providerParameter: engine,
  iconActive: icon,
  iconError: icon,
  iconIdle: icon,
  taskbar: icon,
  RNDbytes: random,
  RNDfile: random,
  RNDoverwrite: random,
  service: drop("the log names each tunnel"),
  setEnv: refuse("no programs are started that it could be for; set it where the program itself is started"),
  pid: drop("the program stays in the foreground: systemd or the container knows its process"),
  log: drop("the log goes to standard output, to be appended to by whoever keeps it"),
  output: refuse("the log goes to standard output; redirect it, or let journald keep it"),
  syslog: drop("the log goes to standard output, where journald reads it"),
  foreground: drop("the program always stays in the foreground"),
  CAengine: refuse("authorities are read from files: give them as CAfile"),
  CAstore: refuse("authorities are read from files: give them as CAfile"),
  logId: drop("every session has an id of its own in the log"),
  delay: drop("names are looked up for every connection"),
  exec: refuse(
    "no programs are started; let one listen on a port or unix socket (systemd, socat) and connect to it",
  ),
  execArgs: refuse("no programs are started"),
  pty: refuse("no programs are started"),
  ident: refuse(
    "what RFC 1413 says proves nothing about who a client is; take client certificates, or frontend.allow",
  ),
  OCSPflag: refuse("answers are always checked in full"),
  protocolDomain: ntlm,
  retry: refuse("it is for programs that are started and connected, which there are none of"),
  sessiond: refuse(
    "sessions are shared by a secret instead: equilibria-tunnel certs ticket-key FILE, then tls.session.keys: FILE on each machine",
  ),
  ticketKeySecret: refuse(
    "make a secret with equilibria-tunnel certs ticket-key FILE and give it as tls.session.keys: FILE; keys are derived from it and change by themselves",
  ),
  ticketMacSecret: refuse("tls.session.keys stands for both secrets"),
  stack: drop("there are no threads"),
  include: drop("what it brings is in this file"),
};

/** The manual's names of everything that is translated or looked at where it stands. */
const readElsewhere = [
  ...["debug", "fips", "setgid", "setuid"],
  ...["accept", "connect", "client", "failover", "local", "libwrap", "sni", "socket", "transparent"],
  ...["cert", "key", "engineId", "engineNum", "CAfile", "CApath", "CRLfile", "CRLpath"],
  ...["checkHost", "checkIP", "checkEmail", "verify", "verifyChain", "verifyPeer", "requireCert", "redirect"],
  ...["OCSP", "OCSPaia", "OCSPnonce", "OCSPrequire", "TIMEOUTocsp"],
  ...["ciphers", "ciphersuites", "curves", "config", "options", "securityLevel"],
  ...["sslVersion", "sslVersionMax", "sslVersionMin", "renegotiation", "reset"],
  ...["sessionCacheSize", "sessionCacheTimeout", "sessionResume", "PSKsecrets", "PSKidentity"],
  ...["TIMEOUTbusy", "TIMEOUTclose", "TIMEOUTconnect", "TIMEOUTidle"],
  ...["protocol", "protocolAuthentication", "protocolHeader", "protocolHost"],
  ...["protocolPassword", "protocolUsername"],
];

/** Every option that stunnel 5.75 documents. */
export const stunnelOptions: readonly string[] = [...Object.keys(fixedOptions), ...readElsewhere];

const byLowerCase = new Map(stunnelOptions.map((name) => [name.toLowerCase(), name]));
const aliases: Readonly<Record<string, string>> = { curve: "curves", session: "sessionCacheTimeout" };

/** The manual's spelling: stunnel does not mind the case. A name that it does not know stays as it is. */
export function canonicalName(written: string): string {
  const lower = written.toLowerCase();
  return byLowerCase.get(lower) ?? aliases[lower] ?? written;
}
