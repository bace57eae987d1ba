import { promises, type SrvRecord } from "node:dns";
import { errorCode } from "../../net/socket-error.ts";

export type AddressType = "a" | "aaaa";

/** The addresses of a name. */
export interface Answer {
  readonly hosts: readonly string[];
  /** Seconds for which they may be used; undefined where no record says so. */
  readonly ttl: number | undefined;
}

/** Milliseconds for one question to one name server, which is asked twice. */
const timeout = 1500;

/** Asks name servers, and remembers what they said of a name while only a part of it can be asked. */
export class DnsLookup {
  readonly #server: string | undefined;
  #resolver: promises.Resolver;
  readonly #last = new Map<string, Answer>();

  /** @param server an address with its port; without it, those of the system */
  constructor(server: string | undefined) {
    this.#server = server;
    this.#resolver = this.#newResolver();
  }

  /** Looks again which name servers the system has. */
  renew(): void {
    this.#resolver = this.#newResolver();
  }

  /** Ends every question under way. */
  cancel(): void {
    this.#resolver.cancel();
  }

  /** @throws Error in words when nobody answers, or there are none */
  async services(name: string): Promise<readonly SrvRecord[]> {
    try {
      return await this.#resolver.resolveSrv(name);
    } catch (error) {
      throw explain(error, name);
    }
  }

  /**
   * The addresses of `name` of all `types`. When one type cannot be asked but another can, its last answer counts.
   *
   * @throws Error in words when nobody answers, or there are none
   */
  async addresses(name: string, types: readonly AddressType[]): Promise<Answer> {
    const settled = await Promise.allSettled(types.map((type) => this.#ask(name, type)));
    const fresh = settled.flatMap((one) => (one.status === "fulfilled" ? [one.value] : []));
    const answers = fresh.length > 0 ? types.flatMap((type) => this.#last.get(keyOf(name, type)) ?? []) : [];
    const hosts = answers.flatMap((answer) => answer.hosts);
    if (hosts.length > 0) return { hosts, ttl: shortest(fresh) };
    const failure: unknown = settled.find((one) => one.status === "rejected")?.reason;
    throw failure ?? new Error(`${name}: the name has no address`);
  }

  /** What was last said of a name, for when it cannot be asked. */
  remembered(name: string, types: readonly AddressType[]): Answer {
    const hosts = types.flatMap((type) => this.#last.get(keyOf(name, type))?.hosts ?? []);
    return { hosts, ttl: undefined };
  }

  async #ask(name: string, type: AddressType): Promise<Answer> {
    const question = { ttl: true } as const;
    try {
      const records = await (type === "a"
        ? this.#resolver.resolve4(name, question)
        : this.#resolver.resolve6(name, question));
      // name servers turn the order of their answers at will
      const hosts = records.map(({ address }) => address).toSorted();
      return this.#remember(keyOf(name, type), { hosts, ttl: shortest(records) });
    } catch (error) {
      if (errorCode(error) !== "ENODATA") throw explain(error, name);
      // the name is there, without records of this type
      return this.#remember(keyOf(name, type), { hosts: [], ttl: undefined });
    }
  }

  #remember(key: string, answer: Answer): Answer {
    this.#last.set(key, answer);
    return answer;
  }

  #newResolver(): promises.Resolver {
    const resolver = new promises.Resolver({ timeout, tries: 2 });
    if (this.#server !== undefined) resolver.setServers([this.#server]);
    return resolver;
  }
}

/** The smallest TTL of those that are known. */
export function shortest(answers: readonly { readonly ttl: number | undefined }[]): number | undefined {
  const known = answers.flatMap(({ ttl }) => ttl ?? []);
  return known.length === 0 ? undefined : Math.min(...known);
}

function keyOf(name: string, type: AddressType): string {
  return `${type} ${name}`;
}

const words: Readonly<Record<string, string>> = {
  ENOTFOUND: "there is no such name",
  ENODATA: "the name has no such records",
  ESERVFAIL: "the name server has failed",
  EREFUSED: "the name server refuses to answer",
  ETIMEOUT: "no name server answers",
  ECONNREFUSED: "no name server can be reached",
};

/** c-ares' codes in words a person understands. */
function explain(error: unknown, name: string): Error {
  const code = errorCode(error) ?? "unknown error";
  return new Error(`${name}: ${words[code] ?? "the lookup has failed"} (${code})`, { cause: error });
}
