import { Block } from "../commented-yaml.ts";
import { fixedOptions } from "./options.ts";
import type { Reader } from "./reader.ts";

const levels = ["error", "error", "error", "error", "warn", "info", "info", "debug"];
const levelNames = ["emerg", "alert", "crit", "err", "warning", "notice", "info", "debug"];

/** Writes what holds for the whole program. */
export function writeProgram(reader: Reader, document: Block): void {
  const debug = reader.last("debug");
  const word = debug?.value.split(".").at(-1)?.toLowerCase() ?? "";
  const level = levels[/^\d$/.test(word) ? Number(word) : levelNames.indexOf(word)];
  if (level === undefined) reader.refuse(debug, "it is no level from 0 to 7");
  document.set("log", level === undefined || level === "info" ? undefined : new Block().set("level", level));
  if (level === "info") reader.drop(debug, "it is the default");
  const [user, group] = [reader.last("setuid"), reader.last("setgid")];
  document.set("user", user?.value);
  if (user) document.set("group", group?.value);
  else reader.refuse(group, "it needs a setuid; or start the program as that group (systemd: Group=)");
  if (reader.flag("fips") === true)
    reader.refuse(
      reader.last("fips"),
      "a FIPS provider is configured in openssl.cnf and for the whole of Node (--force-fips)",
    );
  else reader.drop(reader.last("fips"), "it is the default");
  for (const setting of reader.rest) {
    const fixed = fixedOptions[setting.name];
    if (fixed && isProgramWide(setting.name)) reader[fixed.verdict](setting, fixed.why);
  }
}

/** Whether an option says something about the program, wherever it stands. The others are defaults for services. */
export function isProgramWide(name: string): boolean {
  const here = /^(debug|setuid|setgid|fips|include|chroot|compression|EGD|engine|engineCtrl|engineDefault)$/;
  const more =
    /^(provider|providerParameter|icon\w+|taskbar|RND\w+|service|setEnv|pid|log|output|syslog|foreground)$/;
  return here.test(name) || more.test(name);
}
