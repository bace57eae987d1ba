export interface FactProps {
  readonly name: string;
  readonly value: string;
  /** Shown when the pointer rests on it. */
  readonly title?: string;
}

/** One figure under its name, in a `dl`. */
export function Fact({ name, value, title }: FactProps) {
  return (
    <div title={title}>
      <dt>{name}</dt>
      <dd>{value}</dd>
    </div>
  );
}
