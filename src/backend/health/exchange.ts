import type { Duplex } from "node:stream";
import { z } from "zod";
import type { Probe } from "../../core/backend.ts";
import { definePlugin } from "../../core/plugin.ts";
import { compilePattern, excerpt, longestAnswer, type Matcher, pattern } from "./pattern.ts";

/** The target works when it answers what it is sent, or greets, as expected. */
export const exchange = definePlugin({
  name: "exchange",
  options: z.strictObject({
    send: z
      .union([
        z.string().min(1),
        z.strictObject({
          hex: z
            .string()
            .regex(/^([0-9a-f]{2})+$/i, "write two hexadecimal digits for each byte")
            .meta({ description: "bytes, two hexadecimal digits for each" }),
        }),
      ])
      .optional()
      .meta({
        description: 'what is sent first, such as "PING\\r\\n", or { hex: … }; without it the target greets',
      }),
    expect: pattern(),
    tls: z.boolean().optional().meta({ description: "whether over TLS; default: as sessions are" }),
  }),
  create({ send, expect, tls }): Probe {
    const words = typeof send === "object" ? Buffer.from(send.hex, "hex") : send;
    const matcher = compilePattern(expect);
    return {
      async check(_, { connect }) {
        const stream = await connect({ tls });
        if (words !== undefined) stream.write(words);
        await expectAnswer(stream, matcher());
      },
    };
  },
});

async function expectAnswer(stream: Duplex, matches: Matcher): Promise<void> {
  let answer = Buffer.alloc(0);
  for await (const chunk of stream.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    answer = Buffer.concat([answer, chunk.subarray(0, longestAnswer - answer.length)]);
    if (matches(answer)) return;
    if (answer.length === longestAnswer)
      throw new Error(`nothing in the first 64 KiB of the answer matches: ${excerpt(answer)}`);
  }
  throw new Error(
    answer.length === 0 ? "closed without an answer" : `closed after another answer: ${excerpt(answer)}`,
  );
}
