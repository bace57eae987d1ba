import { readFileSync } from "node:fs";
import { isIPv6 } from "node:net";
import { z } from "zod";
import { parseAddress } from "../../core/address.ts";
import { reasonOf } from "../../core/outcome.ts";
import { OptionError } from "../../core/plugin.ts";

const credentials = {
  username: z.string().min(1).max(255).optional(),
  password: z
    .string()
    .max(255)
    .optional()
    .meta({ description: "better a passwordFile, or from the environment" }),
  passwordFile: z.string().min(1).optional().meta({
    description:
      "a file with the password, relative to the configuration file; its last line end is left out",
  }),
};

/** What a proxy that is a target is asked for. */
export const proxyOptions = z.strictObject({
  destination: z
    .string()
    .transform((text, context) => {
      try {
        const address = parseAddress(text, "");
        if (address.kind === "tcp" && address.host !== "" && address.port > 0 && address.host.length <= 255)
          return { host: address.host, port: address.port };
      } catch (error) {
        context.addIssue({ code: "custom", message: reasonOf(error) });
        return z.NEVER;
      }
      context.addIssue({ code: "custom", message: "write the destination as host:port" });
      return z.NEVER;
    })
    .meta({ description: "where the proxy is to connect to, host:port; it resolves the name" }),
  ...credentials,
  insideTls: z.boolean().default(false).meta({
    description: "whether the backend's tls is with the proxy, instead of with the destination behind it",
  }),
});

export interface Credentials {
  readonly username: string;
  readonly password: string;
}

/** @throws OptionError when they are incomplete or their file cannot be read */
export function credentialsOf(
  options: Pick<z.output<typeof proxyOptions>, "username" | "password" | "passwordFile">,
): Credentials | undefined {
  const { username, password, passwordFile } = options;
  if (username === undefined) {
    if (password === undefined && passwordFile === undefined) return undefined;
    const option = password === undefined ? "passwordFile" : "password";
    throw new OptionError(option, "a password needs a username, too");
  }
  if (password !== undefined && passwordFile !== undefined)
    throw new OptionError("passwordFile", "give password or passwordFile, not both");
  return { username, password: password ?? (passwordFile === undefined ? "" : readPassword(passwordFile)) };
}

/** As a URI has it. */
export function authorityOf({ host, port }: { readonly host: string; readonly port: number }): string {
  return isIPv6(host) ? `[${host}]:${port}` : `${host}:${port}`;
}

function readPassword(file: string): string {
  try {
    return readFileSync(file, "utf8").replace(/\r?\n$/, "");
  } catch (error) {
    throw new OptionError("passwordFile", `the password cannot be read: ${reasonOf(error)}`, {
      cause: error,
    });
  }
}
