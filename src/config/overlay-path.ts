/** Where an entry of the overlay belongs: to a tunnel or a shared backend, or to one target of it. */
export interface OverlayPlace {
  readonly list: "tunnels" | "backends";
  readonly name: string;
  /** The key of a target, as status has it. */
  readonly target: string | undefined;
}

export function formatOverlayPath({ list, name, target }: OverlayPlace): string {
  return target === undefined ? `${list}/${name}` : `${list}/${name}/targets/${target}`;
}

/** Undefined when it is none. The key of a target may hold slashes, a name cannot. */
export function parseOverlayPath(text: string): OverlayPlace | undefined {
  const [, list, name, target] = /^(tunnels|backends)\/([^/]+)(?:\/targets\/(.+))?$/s.exec(text) ?? [];
  if ((list !== "tunnels" && list !== "backends") || name === undefined) return undefined;
  return { list, name, target };
}
