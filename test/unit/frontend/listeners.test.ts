// While a frontend does not listen, its port is anybody's: it must get it back when it can, and never hang on the way.
import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, createServer } from "node:net";
import { afterEach, beforeEach, describe, it, mock } from "node:test";
import type { Address } from "../../../src/core/address.ts";
import { Events } from "../../../src/core/events.ts";
import { type Availability, Listeners } from "../../../src/frontend/listeners.ts";
import { ListenError } from "../../../src/net/listen.ts";

class Switch implements Availability {
  anyUsable = true;
  readonly watchers = new Set<() => void>();

  onChange(watcher: () => void): () => void {
    this.watchers.add(watcher);
    return () => this.watchers.delete(watcher);
  }

  set(usable: boolean): void {
    this.anyUsable = usable;
    for (const watcher of this.watchers) watcher();
  }
}

const anywhere: Address = { kind: "tcp", host: "127.0.0.1", port: 0 };

describe("listeners that follow their targets", () => {
  let availability: Switch;
  let told: { readonly listening: boolean; readonly reason: string }[];
  let events: Events;
  let listeners: Listeners;
  let wake: () => void;

  beforeEach(() => {
    mock.timers.enable({ apis: ["setTimeout"] });
    availability = new Switch();
    events = new Events();
    told = [];
    wake = () => {};
    events.on("frontend.listening", ({ listening, reason }) => {
      told.push({ listening, reason });
      wake();
    });
    listeners = new Listeners({
      tunnel: "test",
      listen: [anywhere, anywhere],
      unixMode: 0o600,
      events,
      availability,
      onConnection: (socket) => socket.end("here"),
    });
  });

  afterEach(() => {
    listeners.close();
    mock.timers.reset();
  });

  const opened = async () => {
    const addresses = await listeners.prepare();
    listeners.start();
    return addresses;
  };
  const news = async (count: number) => {
    while (told.length < count)
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    return told.slice(count - 1);
  };
  const ports = (addresses: readonly Address[]) =>
    addresses.map((address) => (address.kind === "tcp" ? address.port : 0));
  const answers = async (port: number) => {
    const client = connect(port, "127.0.0.1");
    try {
      const [data] = await once(client, "data");
      return String(data);
    } catch (error) {
      return (error as NodeJS.ErrnoException).code;
    } finally {
      client.destroy();
    }
  };

  it("close, and open again at the ports that they were given", async () => {
    const [first = 0, second = 0] = ports(await opened());
    assert.deepEqual([await answers(first), await answers(second)], ["here", "here"]);
    availability.set(false);
    assert.deepEqual([await answers(first), await answers(second)], ["ECONNREFUSED", "ECONNREFUSED"]);
    availability.set(true);
    await news(2);
    assert.deepEqual([await answers(first), await answers(second)], ["here", "here"]);
    assert.deepEqual(
      told.map(({ listening }) => listening),
      [false, true],
    );
  });

  it("end as the last change says, however fast changes come", async () => {
    const [port = 0] = ports(await opened());
    for (let round = 0; round < 20; round++) availability.set(round % 2 === 1);
    await news(2);
    assert.equal(await answers(port), "here");
    availability.set(true);
    availability.set(false);
    availability.set(true);
    availability.set(false);
    await news(5);
    assert.equal(await answers(port), "ECONNREFUSED");
    assert.deepEqual(
      told.map(({ listening }) => listening),
      [false, true, false, true, false],
    );
  });

  it("try again, and open none, while somebody else has one of their ports", async () => {
    const [first = 0, second = 0] = ports(await opened());
    availability.set(false);
    const squatter = createServer().listen(second, "127.0.0.1");
    await once(squatter, "listening");
    availability.set(true);
    const [failure] = await news(2);
    assert.equal(failure?.listening, false);
    assert.match(failure?.reason ?? "", /cannot listen on 127\.0\.0\.1:\d+: address already in use/);
    assert.equal(await answers(first), "ECONNREFUSED");
    squatter.close();
    await once(squatter, "close");
    mock.timers.tick(1000);
    await news(3);
    assert.deepEqual([await answers(first), await answers(second)], ["here", "here"]);
  });

  it("stay closed once they are closed, whatever becomes of the targets", async () => {
    const [port = 0] = ports(await opened());
    availability.set(false);
    availability.set(true);
    listeners.close();
    assert.equal(availability.watchers.size, 0);
    await new Promise(setImmediate);
    assert.equal(await answers(port), "ECONNREFUSED");
  });

  it("are open all or not at all", async () => {
    const squatter = createServer().listen(0, "127.0.0.1");
    await once(squatter, "listening");
    const taken = squatter.address();
    assert.ok(taken && typeof taken === "object");
    const both = new Listeners({
      tunnel: "test",
      listen: [anywhere, { ...anywhere, port: taken.port }],
      unixMode: 0o600,
      events,
      onConnection: (socket) => socket.destroy(),
    });
    await assert.rejects(both.prepare(), ListenError);
    squatter.close();
  });
});
