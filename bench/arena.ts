import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { Programs } from "./build.ts";
import type { Contestant, Setting } from "./contestants.ts";
import { writeCredentials } from "./credentials.ts";
import { accepting, freeBlocks, type Ports, portsIn } from "./ports.ts";
import { type Running, start } from "./processes.ts";
import { loadCpu, proxyCpu } from "./window.ts";
import { clientSpeaksTls, type Route } from "./workloads.ts";

/** Milliseconds that a program may take to listen. */
const patience = 15_000;

/** A contestant and where it listens. */
export interface Entrant {
  readonly contestant: Contestant;
  readonly ports: Ports;
}

/** The origin, and the contestants that may be started in front of it. */
export class Arena {
  readonly programs: Programs;
  readonly entrants: readonly Entrant[];
  readonly #directory: string;
  readonly #origin: Setting["origin"];
  readonly #running = new Map<string, Running>();

  private constructor(
    programs: Programs,
    directory: string,
    [first = 0, ...blocks]: readonly number[],
    contestants: readonly Contestant[],
  ) {
    this.programs = programs;
    this.#directory = directory;
    this.#origin = { plain: first, tls: first + 1, tickets: first + 2 };
    this.entrants = contestants.map((contestant, index) => ({
      contestant,
      ports: portsIn(blocks[index] ?? 0),
    }));
  }

  /** Makes certificates in `directory` and starts the origin. */
  static async open(
    programs: Programs,
    directory: string,
    contestants: readonly Contestant[],
  ): Promise<Arena> {
    await writeCredentials(directory);
    const blocks = await freeBlocks(contestants.length + 1);
    const arena = new Arena(programs, directory, blocks, contestants);
    const { plain, tls, tickets } = arena.#origin;
    const [certificate, key] = [join(directory, "ec.crt"), join(directory, "ec.key")];
    const command = [programs.origin, ...[plain, tls, tickets].map(String), certificate, key];
    const origin = start(command, { name: "origin", cpu: loadCpu, directory });
    await accepting([plain, tls, tickets], patience, origin.died);
    return arena;
  }

  /** Starts a contestant, anew if it runs already. */
  async enter({ contestant, ports }: Entrant): Promise<Running> {
    await this.leave(contestant.name);
    const directory = join(this.#directory, contestant.name);
    await mkdir(directory, { recursive: true });
    const command = contestant.prepare({ directory: this.#directory, ports, origin: this.#origin });
    const running = start(command, { name: contestant.name, cpu: proxyCpu, directory: this.#directory });
    this.#running.set(contestant.name, running);
    await accepting(
      contestant.routes.map((route) => ports[route]),
      patience,
      running.died,
    );
    return running;
  }

  /** Ends a contestant that runs. */
  async leave(name: string): Promise<void> {
    await this.#running.get(name)?.end();
    this.#running.delete(name);
  }

  /** A contestant that was started and is still there. */
  running(name: string): Running | undefined {
    const running = this.#running.get(name);
    return running?.died.aborted ? undefined : running;
  }

  /** Where the origin answers what a proxy on `route` would. */
  directPort(route: Route): number {
    return clientSpeaksTls(route) ? this.#origin.tls : this.#origin.plain;
  }
}
