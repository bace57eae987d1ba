import { Block } from "../commented-yaml.ts";
import type { Reader } from "./reader.ts";

const names = ["sessionResume", "sessionCacheSize", "sessionCacheTimeout"];

/** The `session` of a frontend's `tls`. */
export function serverSessions(reader: Reader): Block {
  const session = new Block();
  const resume = reader.last("sessionResume");
  const noTickets = tickets(reader).length > 0;
  const isOff = reader.flag("sessionResume") === false;
  const [size, lifetime] = [reader.last("sessionCacheSize"), reader.last("sessionCacheTimeout")];
  if (isOff || noTickets) session.set("tickets", false);
  else reader.drop(resume, "it is the default");
  if (isOff) {
    for (const setting of [size, lifetime]) reader.drop(setting, "no session is resumed");
    return session;
  }
  session.set("lifetime", lifetime && reader.seconds("sessionCacheTimeout"));
  const entries = Number(size?.value);
  if (size && Number.isInteger(entries) && entries > 0) session.set("cache", Math.min(entries, 100_000));
  else if (size) {
    session.set("cache", 100_000);
    reader.remark(size, "there is no cache without a bound: 100000 is the largest");
  } else if (noTickets) session.set("cache", 1000, "stunnel's default");
  return session;
}

/** Towards targets there is nothing to set. */
export function judgeClientSessions(reader: Reader): void {
  const isOff = reader.flag("sessionResume") === false;
  const always = "sessions are resumed wherever the target offers it";
  for (const setting of tickets(reader)) reader.refuse(setting, always);
  for (const name of names)
    if (name === "sessionResume" && isOff) reader.refuse(reader.last(name), always);
    else
      reader.drop(
        reader.last(name),
        "the last session with each target is kept for as long as the target lets it",
      );
}

export function dropPskSessions(reader: Reader): void {
  const settings = [...tickets(reader), ...names.map((name) => reader.last(name))];
  for (const setting of settings) reader.drop(setting, "with a pre-shared key no session is resumed");
}

function tickets(reader: Reader) {
  return reader.all("options").filter(({ value }) => /^NO_TICKET$/i.test(value));
}
