import type { TargetStatus } from "../../core/status.ts";

export type StateKind = "good" | "bad" | "odd" | "off";

/** A shape for each, for those who see no colours. */
const shapes: Readonly<Record<StateKind, string>> = { good: "●", bad: "▲", odd: "◆", off: "○" };

export interface StateProps {
  readonly kind: StateKind;
  readonly text: string;
  readonly title?: string | undefined;
}

/** A state by colour, shape and word. */
export function State({ kind, text, title }: StateProps) {
  return (
    <span class={`state ${kind}`} title={title}>
      <span aria-hidden="true">{shapes[kind]}</span> {text}
    </span>
  );
}

/** The operator's word goes before what checks say, as it does for sessions. */
export function stateOf({ admin, health }: Pick<TargetStatus, "admin" | "health">): StateKind {
  if (admin === "disabled") return "off";
  if (health !== "up") return "bad";
  return admin === "draining" ? "odd" : "good";
}

/** Both words, where both say something. */
export function stateText({ admin, health }: Pick<TargetStatus, "admin" | "health">): string {
  if (admin === "enabled") return health;
  return health === "up" ? admin : `${admin}, ${health}`;
}
