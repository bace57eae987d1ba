import { readFileSync } from "node:fs";

/** Who a process is to be. */
export interface Owner {
  readonly user: string | undefined;
  readonly group: string | undefined;
}

/**
 * Becomes another user for good, with that user's groups; the group is the user's own unless one is given.
 *
 * @throws Error when there is no such user or group, or this one may not become it
 */
export function dropPrivileges({ user, group }: Owner): void {
  if (user === undefined && group === undefined) return;
  const { setgid, setgroups, setuid } = process;
  // missing in the types
  const { initgroups } = process as { initgroups?: (user: string, group: string | number) => void };
  if (!setgid || !setuid || !initgroups || !setgroups)
    throw new Error("this system knows no users to change to");
  const into = group ?? primaryGroup(user ?? "");
  if (user === undefined) setgroups.call(process, [into]);
  else initgroups.call(process, user, into);
  setgid.call(process, into);
  if (user !== undefined) setuid.call(process, user);
}

/** @throws Error when there is no such user */
export function primaryGroup(user: string): number {
  const line = readFileSync("/etc/passwd", "utf8")
    .split("\n")
    .find((one) => one.startsWith(`${user}:`));
  const group = Number(line?.split(":")[3]);
  if (line === undefined || !Number.isInteger(group)) throw new Error(`there is no user ${user}`);
  return group;
}
