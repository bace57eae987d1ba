import { z } from "zod";
import { duration, filePath, type SchemaContext } from "../core/scalars.ts";

/** Somebody else who is asked about every client. */
export function authorizeOptions(context: SchemaContext) {
  const url = authorizerUrl(context);
  const block = z.strictObject({
    url,
    timeout: duration({ min: 1 })
      .prefault("2s")
      .meta({ description: "for the whole question and answer; afterwards the client is not let in" }),
    ca: filePath(context).optional().meta({
      description: "PEM certificates of the authorities to trust with https; without it, those of the system",
    }),
  });
  return z
    .union([url.transform((only): z.output<typeof block> => ({ url: only, timeout: 2000 })), block])
    .meta({
      description:
        'ask another program about every client, new or resumed: a URL, or a block; it must answer {"allow":true}',
    });
}

export type AuthorizeOptions = z.output<ReturnType<typeof authorizeOptions>>;

function authorizerUrl(context: SchemaContext) {
  return z
    .string()
    .transform((text, check) => {
      const parsed = readUrl(text, context);
      if (parsed !== undefined) return parsed;
      check.addIssue({
        code: "custom",
        message: `${JSON.stringify(text)} is no place to ask: write http://HOST:PORT/PATH, https://… or unix:/SOCKET, without a name or password in it`,
      });
      return z.NEVER;
    })
    .meta({
      title: "url",
      description: "where the facts are sent with POST: http://…, https://… or unix:/path",
    });
}

function readUrl(text: string, context: SchemaContext): string | undefined {
  if (text.startsWith("unix:")) {
    const path = text.slice("unix:".length);
    return path === "" || path.includes("\0") ? undefined : `unix:${context.resolvePath(path)}`;
  }
  const url = URL.parse(text);
  if (!url || !/^https?:$/.test(url.protocol) || url.hostname === "" || url.hash !== "") return undefined;
  return url.username === "" && url.password === "" ? url.href : undefined;
}
