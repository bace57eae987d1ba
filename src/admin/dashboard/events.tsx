import type { ControlEvent } from "../../core/control.ts";

/** What has happened since the page was opened, the newest first; `events` has it last. */
export function EventList({ events }: { readonly events: readonly ControlEvent[] }) {
  return (
    <section aria-labelledby="events">
      <h2 id="events">Events</h2>
      {events.length === 0 && <p class="quiet">Nothing yet.</p>}
      <ol class="events">
        {events.toReversed().map(({ id, worker, at, name, facts }) => (
          <li key={`${worker}/${id}`}>
            <time dateTime={at}>{new Date(at).toLocaleTimeString()}</time> <b>{name}</b>{" "}
            <span class="quiet">
              {Object.entries(facts)
                .map(
                  ([fact, value]) => `${fact} ${typeof value === "string" ? value : JSON.stringify(value)}`,
                )
                .join(", ")}
            </span>
          </li>
        ))}
      </ol>
    </section>
  );
}
