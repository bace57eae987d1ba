import { z } from "zod";
import type { LinePeer } from "../../core/negotiation.ts";

/** The first byte of a TLS record with a ClientHello (RFC 8446 section 5.1). */
const handshakeRecord = 0x16;
/** Milliseconds in which a client that speaks first has spoken. */
const patience = 200;

export const implicitTlsOption = {
  implicitTls: z.boolean().default(false).meta({
    description: "also take clients that begin TLS at once; all others are greeted 200ms later",
  }),
};

/** Whether the client has begun TLS without waiting for a greeting. */
export async function hasBegunTls(client: LinePeer): Promise<boolean> {
  return (await client.peek(patience)) === handshakeRecord;
}

/** For protocols in which the client speaks first anyway. */
export async function beginsWithTls(client: LinePeer): Promise<boolean> {
  return (await client.peek()) === handshakeRecord;
}
