export interface SparklineProps {
  /** The newest last. */
  readonly values: readonly number[];
  readonly label: string;
}

const width = 120;
const height = 20;

/** How something went, without a scale: the highest value reaches the top. */
export function Sparkline({ values, label }: SparklineProps) {
  const most = Math.max(1, ...values);
  const points = values.map((value, index) => {
    const x = width - (values.length - 1 - index);
    return `${x},${(height - 1 - (value / most) * (height - 2)).toFixed(1)}`;
  });
  return (
    <svg class="spark" viewBox={`0 0 ${width} ${height}`} role="img" aria-label={label}>
      <polyline points={points.join(" ")} />
    </svg>
  );
}
