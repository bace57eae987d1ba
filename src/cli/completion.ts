import { Argument, Command } from "commander";
import type { Values } from "./completion-values.ts";

const shells = ["bash", "zsh", "fish", "powershell"] as const;

/** `completion`: a script for the shell, which asks the hidden command `complete` what may come next. */
export function addCompletion(root: Command): Command {
  const name = root.name();
  const script = new Command("completion")
    .description("print a completion script for a shell")
    .addArgument(new Argument("<shell>").choices(shells))
    .addHelpText("after", howTo(name))
    .action(async (shell: (typeof shells)[number]) => {
      const tab = await import("@bomb.sh/tab");
      tab.script(shell, name, name);
    });
  const complete = new Command("complete")
    .argument("[words...]", "the command line so far")
    .allowUnknownOption()
    .action(async (words: readonly string[]) => {
      if (takesFile(root, words.at(-2))) return console.log(":0");
      const { liveValues } = await import("./completion-values.ts");
      const { RootCommand } = await import("@bomb.sh/tab");
      const tree = new RootCommand();
      describe(tree, root, await liveValues(words));
      tree.parse([...words]);
    });
  root.commandsGroup("Convenience:");
  return root.addCommand(script).addCommand(complete, { hidden: true });
}

function howTo(name: string): string {
  return `
Examples:
  ${name} completion bash > ~/.local/share/bash-completion/completions/${name}
  ${name} completion zsh > "\${fpath[1]}/_${name}"
  ${name} completion fish > ~/.config/fish/completions/${name}.fish
  ${name} completion powershell >> $PROFILE`;
}

type Offer = (value: string, description: string) => void;

/** The part of a command of `@bomb.sh/tab` that is used here. */
interface Described {
  option(name: string, description: string, handler: (offer: Offer) => void, alias?: string): unknown;
  option(name: string, description: string, alias?: string): unknown;
  argument(name: string, handler: (offer: Offer) => void, variadic: boolean): unknown;
}

/** Where the words are a file's, the shell knows better. */
function takesFile(root: Command, option: string | undefined): boolean {
  if (option === undefined || !option.startsWith("-")) return false;
  return family(root)
    .flatMap(({ options }) => options)
    .some(
      ({ short, long, flags }) => [short, long].includes(option) && /<(file|path|directory)>/.test(flags),
    );
}

/** Makes the tree of what can be said from the definitions of the commands. */
function describe(
  tree: Described & { command(name: string, description: string): Described },
  root: Command,
  values: Values,
): void {
  for (const command of family(root)) {
    const path = pathOf(command);
    const described = path === "" ? tree : tree.command(path, command.description());
    for (const option of command.createHelp().visibleOptions(command)) {
      const long = option.long?.slice(2);
      const alias = option.short?.slice(1);
      if (long === undefined) continue;
      if (option.required || option.optional)
        described.option(long, option.description, (offer) => offerAll(option.argChoices, offer), alias);
      else described.option(long, option.description, alias);
    }
    for (const argument of command.registeredArguments) {
      const name = argument.name();
      const known = argument.argChoices ?? values.get(`${path} ${name}`);
      described.argument(name, (offer) => offerAll(known, offer), argument.variadic);
    }
  }
}

function offerAll(choices: readonly string[] | undefined, offer: Offer): void {
  for (const choice of choices ?? []) offer(choice, "");
}

/** A command and those below it that a user should know of. */
function family(command: Command): readonly Command[] {
  const visible = command
    .createHelp()
    .visibleCommands(command)
    .filter((one) => one.name() !== "help");
  return [command, ...visible.flatMap(family)];
}

/** `target set`; empty for the program itself. */
function pathOf(command: Command): string {
  return command.parent ? `${pathOf(command.parent)} ${command.name()}`.trim() : "";
}
