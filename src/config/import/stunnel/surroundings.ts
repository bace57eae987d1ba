import type { Reader } from "./reader.ts";

/** What a service says about sockets and the machine, most of which is so already or is the kernel's business. */
export function judgeSurroundings(reader: Reader, { client }: { readonly client: boolean }): void {
  for (const setting of reader.all("socket")) {
    const [, side, name = "", value = ""] = /^([alr]):\s*(\w+)\s*=\s*(.*)$/i.exec(setting.value) ?? [];
    const on = /^(1|yes|true|on)$/i.test(value);
    if (/^(TCP_NODELAY|SO_KEEPALIVE|SO_REUSEADDR)$/i.test(name) && on)
      reader.drop(setting, "it always is so");
    else if (/^TCP_KEEP(IDLE|INTVL|CNT)$/i.test(name))
      reader.refuse(setting, "idle connections are probed after 30s; timeouts.idle ends them");
    else if (/^SO_BINDTODEVICE$/i.test(name) && side?.toLowerCase() === "a")
      reader.refuse(setting, "listen on an address of that interface");
    else reader.refuse(setting, "nothing here sets it; the kernel's own settings (sysctl) hold");
  }
  reader.refuse(reader.last("local"), "the source address is the one that the routes of the machine choose");
  reader[reader.flag("libwrap") === true ? "refuse" : "drop"](
    reader.last("libwrap"),
    "hosts.allow and hosts.deny are not read",
  );
  judgeTransparent(reader);
  if (reader.flag("renegotiation") === true)
    reader.refuse(reader.last("renegotiation"), "no renegotiation is taken: it lets clients burn the CPU");
  else reader.drop(reader.last("renegotiation"), "no renegotiation is taken");
  if (reader.flag("reset") === false)
    reader.refuse(reader.last("reset"), "errors are passed on as resets, so that nobody takes half for all");
  else reader.drop(reader.last("reset"), "it always is so");
  if (client)
    reader.drop(
      reader.last("TIMEOUTbusy"),
      "connect.timeout bounds TLS with the target and its dialogue, too",
    );
}

function judgeTransparent(reader: Reader): void {
  const setting = reader.last("transparent");
  if (!setting) return;
  if (/^(none|no)$/i.test(setting.value)) {
    reader.drop(setting, "it is the default");
    return;
  }
  const source = /^(source|both|yes)$/i.test(setting.value);
  reader.refuse(
    setting,
    source
      ? "no foreign source addresses are taken; backend.proxyProtocol: v2 tells targets the client's address, where they understand it"
      : "the original destination cannot be read; name the target as connect",
  );
}
