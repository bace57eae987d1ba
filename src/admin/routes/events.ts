import { streamSSE } from "hono/streaming";
import type { Control } from "../../core/control.ts";
import type { Api } from "../api.ts";
import { Refusal } from "../refusal.ts";
import { serve } from "./route.ts";

/** Readers at one time. */
const mostReaders = 16;
/** Milliseconds between two signs of life, which keep the connection from counting as stalled. */
const heartbeat = 10_000;

/** What happens, as server-sent events (WHATWG HTML, section 9.2). */
export function addEvents(app: Api, control: Control): void {
  let readers = 0;
  serve(
    app,
    {
      ...{ role: "read", method: "get", path: "/api/v1/events", summary: "What happens from now on" },
      responses: {
        200: {
          description: "one event each: its name, and a ControlEvent as data; without an end",
          content: { "text/event-stream": {} },
        },
      },
    },
    (c) => {
      if (readers >= mostReaders)
        throw new Refusal(503, "busy", `${mostReaders} readers follow the events already`);
      readers++;
      return streamSSE(c, async (stream) => {
        const ended = new AbortController();
        stream.onAbort(() => ended.abort());
        const events = control.events(ended.signal);
        const timer = setInterval(() => void stream.write(": still here\n\n").catch(() => {}), heartbeat);
        try {
          // headers go out with the first bytes
          await stream.write(": these are events\n\n");
          for await (const event of events)
            await stream.writeSSE({
              id: String(event.id),
              event: event.name,
              data: JSON.stringify(event),
            });
        } catch {
          // the reader has gone
        } finally {
          clearInterval(timer);
          ended.abort();
          readers--;
        }
      });
    },
  );
}
