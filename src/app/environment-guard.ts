/** The environment makes TLS unsafe. */
export class UnsafeEnvironment extends Error {
  override readonly name = "UnsafeEnvironment";
}

/**
 * Refuses what turns certificate checks off, or writes keys and plaintext to disk, behind the configuration's back.
 *
 * @throws UnsafeEnvironment naming the setting and the remedy
 */
export function refuseUnsafeEnvironment(
  env: Readonly<Record<string, string | undefined>>,
  execArgv: readonly string[],
): void {
  const remedy = "; unset it, or say --insecure-debug if that is what you want";
  if (env["NODE_TLS_REJECT_UNAUTHORIZED"] === "0")
    throw new UnsafeEnvironment(`NODE_TLS_REJECT_UNAUTHORIZED=0 turns all certificate checks off${remedy}`);
  const flags = `${env["NODE_OPTIONS"] ?? ""} ${execArgv.join(" ")}`;
  const flag = /--(tls-keylog|trace-tls)\b/.exec(flags)?.[0];
  if (flag !== undefined) throw new UnsafeEnvironment(`${flag} reveals what TLS protects${remedy}`);
}
