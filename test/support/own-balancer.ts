/** The example of docs/balancing.md, as its readers would copy it. */
import { readFileSync } from "node:fs";
import { join } from "node:path";

const page = readFileSync(join(import.meta.dirname, "../../docs/balancing.md"), "utf8");

/** The module that the page calls canary.ts, with its import. */
export const canaryModule = block(/```ts\n(\/\/ canary\.ts[^`]*)```/);
/** The module without imports. */
export const lastModule = block(/```js\n([^`]*)```/);
/** The configuration that names canary.ts. */
export const canaryConfiguration = block(/```yaml\n(plugins: [^`]*)```/);

function block(pattern: RegExp): string {
  const [, text] = pattern.exec(page) ?? [];
  if (text === undefined) throw new Error(`docs/balancing.md has no ${pattern}`);
  return text;
}
