// biome-ignore-all lint/suspicious/noTemplateCurlyInString: they are for the shell
/** Completion is used by a shell, so a shell is asked: bash with the script that the program prints. */
import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { writeFiles } from "../support/certificates.ts";
import { launcher, runToEnd } from "../support/instance.ts";
import { run } from "../support/program.ts";
import { requires } from "../support/requires.ts";

/** What bash offers behind these words, the last of which is being typed. */
async function offered(...words: readonly string[]): Promise<readonly string[]> {
  using folder = writeFiles({ "any.yaml": "" });
  const { stdout: script } = await runToEnd(["completion", "bash"]);
  const quoted = ["equilibria-tunnel", ...words].map((word) => `'${word}'`).join(" ");
  const { text } = await run("bash", ["-s"], {
    cwd: folder.dir,
    input: [
      'equilibria-tunnel() { "$NODE" "$LAUNCHER" "$@"; }',
      // what the package bash-completion has
      '_get_comp_words_by_ref() { words=("${COMP_WORDS[@]}"); cword=$COMP_CWORD; cur=${COMP_WORDS[COMP_CWORD]}; prev=${COMP_WORDS[COMP_CWORD-1]}; }',
      "__ltrim_colon_completions() { :; }",
      "compopt() { :; }",
      script,
      `COMP_WORDS=(${quoted}); COMP_CWORD=${words.length}; COMP_LINE="\${COMP_WORDS[*]}"; COMP_POINT=\${#COMP_LINE}`,
      "$(complete -p equilibria-tunnel | sed 's/.*-F \\([^ ]*\\).*/\\1/')",
      "printf '%s\\n' \"${COMPREPLY[@]}\"",
    ].join("\n"),
    env: { NODE: process.execPath, LAUNCHER: launcher },
  });
  return text.split("\n").flatMap((line) => line.trim().split(/\s/)[0] || []);
}

suite("completion in bash", requires("bash"), () => {
  test("offers commands, the commands below them, options and choices", async () => {
    assert.deepEqual((await offered("ta")).toSorted(), ["target", "targets"]);
    assert.deepEqual(await offered("session", ""), ["kill"]);
    assert.deepEqual(await offered("reload", "--dr"), ["--dry-run"]);
    assert.ok((await offered("log", "level", "")).includes("debug"));
  });

  test("does not offer what is not for people", async () => {
    const commands = await offered("");
    assert.ok(commands.includes("status"));
    assert.ok(!commands.includes("complete") && !commands.includes("worker"));
  });
});

test("every shell has a script", async () => {
  for (const shell of ["bash", "zsh", "fish", "powershell"]) {
    const { exit, stdout } = await runToEnd(["completion", shell]);
    assert.equal(exit, 0);
    assert.match(stdout, /equilibria-tunnel/);
  }
  assert.equal((await runToEnd(["completion", "tcsh"])).exit, 64);
});

test("files are left to the shell", async () => {
  assert.equal((await runToEnd(["complete", "--", "check", "-c", ""])).stdout.trim(), ":0");
  assert.match((await runToEnd(["complete", "--", "check", ""])).stdout, /:4$/);
});
