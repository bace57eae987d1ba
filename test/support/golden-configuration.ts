/**
 * The files of test/golden/config: what is given and, under a line of dashes, what must come of it. Several given
 * files are separated by `=== NAME`; `=== env` holds variables, `=== specs` stands for a command line.
 */
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

const folder = join(import.meta.dirname, "../golden/config");
const dashes = `${"-".repeat(10)}\n`;

export interface GoldenConfiguration {
  readonly name: string;
  readonly expected: string;
  readonly isBad: boolean;
  /** Writes down what is expected from now on. */
  update(expected: string): void;
  /** Lays the given files out in a directory of their own. */
  layOut(): LaidOut;
}

export interface LaidOut extends Disposable {
  readonly file: string;
  readonly specs: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** Output as it is kept: free of the directory's name. */
  portable(text: string): string;
}

export function goldenConfigurations(): GoldenConfiguration[] {
  const files = readdirSync(folder).filter((name) => name.endsWith(".txt"));
  return files.map((file) => {
    const path = join(folder, file);
    const [given = "", expected = ""] = readFileSync(path, "utf8").split(new RegExp(`^${dashes}`, "m"), 2);
    return {
      name: file.replace(/\.txt$/, ""),
      expected,
      isBad: /^\d+ errors?$/m.test(expected),
      update: (text) => writeFileSync(path, given + dashes + text),
      layOut: () => layOut(given),
    };
  });
}

function layOut(given: string): LaidOut {
  const dir = realpathSync(mkdtempSync(join(tmpdir(), "golden-")));
  const [first = "", ...sections] = given.split(/^=== (.*)\n/m);
  const files = new Map([["tunnels.yaml", first]]);
  for (let index = 0; index < sections.length; index += 2)
    files.set(sections[index] ?? "", sections[index + 1] ?? "");
  const env = lines(files.get("env")).map((line) => line.split(/=(.*)/s, 2));
  const specs = lines(files.get("specs"));
  for (const [name, text] of files) {
    mkdirSync(dirname(join(dir, name)), { recursive: true });
    writeFileSync(join(dir, name), text);
  }
  return {
    file: join(dir, "tunnels.yaml"),
    specs,
    env: Object.fromEntries(env),
    portable: (text) => text.replaceAll(dir, "/dir"),
    [Symbol.dispose]: () => rmSync(dir, { recursive: true }),
  };
}

function lines(text: string | undefined): string[] {
  return (text ?? "").split("\n").filter((line) => line !== "");
}
