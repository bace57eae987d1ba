import { type Fault, Places, type Range, type Reading } from "./source.ts";

/** One `LISTEN:TARGET,TARGET…` in its parts, each with its place in the text. */
export interface Spec {
  readonly listen: Part;
  readonly targets: readonly Part[];
}

export interface Part extends Range {
  /** An address, complete with its port. */
  readonly text: string;
}

/** Reads the specs of a command line into what a file would have said, one tunnel for each. */
export function readSpecs(specs: readonly string[]): Reading {
  const places = new Places();
  const faults: Fault[] = [];
  const tunnels: Record<string, unknown> = {};
  let offset = 0;
  for (const [index, text] of specs.entries()) {
    const name = `tunnel-${index + 1}`;
    const shift = ({ start, end }: Range): Range => ({ start: start + offset, end: end + offset });
    const whole = shift({ start: 0, end: text.length });
    places.add(["tunnels", name], { value: whole });
    const spec = parseSpec(text);
    if ("message" in spec) faults.push({ path: ["tunnels", name], message: spec.message, range: whole });
    else {
      places.add(["tunnels", name, "frontend"], { value: shift(spec.listen) });
      places.add(["tunnels", name, "backend"], { value: whole });
      for (const [position, target] of spec.targets.entries())
        places.add(["tunnels", name, "backend", position], { value: shift(target) });
      tunnels[name] = { frontend: spec.listen.text, backend: spec.targets.map((target) => target.text) };
    }
    offset += text.length + 1;
  }
  if (specs.length === 0) faults.push({ path: [], message: "no tunnel given; write LISTEN:TARGET" });
  const source = {
    file: "command line",
    // one line each, so that a line number is the number of the argument
    text: specs.map((spec) => spec.replaceAll("\n", " ")).join("\n"),
    secrets: [],
    locate: places.locate.bind(places),
  };
  return { source, data: { tunnels }, faults };
}

/**
 * Splits a spec where the listener ends. Whether its parts are addresses is for the schema to say, as in a file;
 * only a target that leaves out its port is completed here, by that of the listener.
 */
export function parseSpec(text: string): Spec | { readonly message: string } {
  // unix:/path, [v6]:port, port or host:port, each followed by the colon that separates the targets
  const match = /^(unix:[^:]+|\[[^\]]*\]:\d+|\d+|[^:[\]]+:\d+):(.+)$/s.exec(text);
  const [, listener, rest] = match ?? [];
  if (listener === undefined || rest === undefined) return { message: explain(text) };
  const listen = { text: listener, start: 0, end: listener.length };
  const port = /(?:^|:)(\d+)$/.exec(listener)?.[1];
  const targets: Part[] = [];
  let start = listener.length + 1;
  for (const target of rest.split(",")) {
    const range = { start, end: start + target.length };
    start = range.end + 1;
    if (target === "")
      return { message: `${JSON.stringify(text)} has an empty target; write LISTEN:TARGET,TARGET` };
    if (hasPort(target)) targets.push({ text: target, ...range });
    else if (port === undefined || listener.startsWith("unix:") || Number(port) === 0)
      return {
        message: `${JSON.stringify(target)} has no port, and the listener has none to lend; write ${target}:PORT`,
      };
    else targets.push({ text: `${target}:${port}`, ...range });
  }
  return { listen, targets };
}

/** Something that is no address at all also counts: the schema explains it better. */
function hasPort(target: string): boolean {
  if (target.startsWith("unix:") || /^\d+$/.test(target)) return true;
  return target.startsWith("[") ? !target.endsWith("]") : target.includes(":");
}

function explain(text: string): string {
  const whole = JSON.stringify(text);
  if (text === "") return "an empty tunnel; write LISTEN:TARGET, for example 8080:10.0.0.1:80";
  if (/^[^[]*:[^[]*:.*:.*:/.test(text) && !text.startsWith("unix:"))
    return `${whole} is no LISTEN:TARGET; put an IPv6 address in brackets, [::1]:8080:10.0.0.1:80`;
  return `${whole} is no LISTEN:TARGET; write for example 8080:10.0.0.1:80 or 127.0.0.1:8080:db.example.com:80`;
}
