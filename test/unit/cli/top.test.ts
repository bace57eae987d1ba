/**
 * What `top` shows and what its keys do, without a terminal: rates that are right over restarts, rows that stay in place,
 * and no key that changes anything before the operator has said yes.
 */
import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { type Action, firstView, type Press, press, type View } from "../../../src/cli/top/keys.ts";
import { rowLine, titleLine } from "../../../src/cli/top/lines.ts";
import { type Row, sessionRows, tunnelRows, windowOf } from "../../../src/cli/top/rows.ts";
import { sparkline } from "../../../src/cli/top/sparkline.ts";
import type { SessionStatus, Status, TargetStatus, TunnelStatus } from "../../../src/core/status.ts";
import { everything, History, placeOf } from "../../../src/telemetry/history.ts";

function target(key: string, given: Partial<TargetStatus> = {}): TargetStatus {
  return {
    ...{
      key,
      weight: 1,
      priority: 0,
      maxConnections: undefined,
      health: "up",
      reason: undefined,
      since: undefined,
    },
    ...{
      admin: "enabled",
      overridden: false,
      active: 0,
      connections: 0,
      failures: 0,
      bytes: { in: 0, out: 0 },
    },
    ...given,
  };
}

function tunnel(name: string, given: Partial<TunnelStatus> = {}): TunnelStatus {
  return {
    ...{
      name,
      origin: "file",
      listeners: ["127.0.0.1:80"],
      listening: true,
      frontendTls: false,
      backendTls: false,
    },
    ...{
      backend: name,
      balance: "round-robin",
      connections: 0,
      active: 0,
      queued: 0,
      bytes: { in: 0, out: 0 },
    },
    ...{ outcomes: {}, rejected: {}, targets: [target("10.0.0.1:80"), target("10.0.0.2:80")] },
    ...given,
  };
}

function status(tunnels: readonly TunnelStatus[], pid = 1): Status {
  return {
    ...{
      version: "0",
      node: "26",
      openssl: "3",
      pid,
      startedAt: "2026-01-01T00:00:00.000Z",
      file: undefined,
    },
    ...{
      generation: 1,
      etag: "",
      configuredAt: "",
      lastReload: undefined,
      state: "running",
      workers: [],
      tunnels,
    },
  };
}

function session(id: string, moved: number): SessionStatus {
  return {
    ...{
      id,
      tunnel: "web",
      worker: 1,
      client: "10.1.1.1:5000",
      local: "127.0.0.1:80",
      target: "10.0.0.1:80",
    },
    ...{
      route: undefined,
      serverName: undefined,
      alpn: undefined,
      tls: undefined,
      peer: undefined,
      relay: undefined,
    },
    ...{ bytes: { in: moved, out: 0 }, ageMs: 1 },
  };
}

suite("rates", () => {
  test("are what has come between two looks, per second", () => {
    const history = new History();
    const with10 = (factor: number) =>
      tunnel("web", {
        connections: 10 * factor,
        bytes: { in: 1000 * factor, out: 4000 * factor },
        targets: [target("a:1", { connections: 6 * factor, bytes: { in: 600 * factor, out: 0 } })],
      });
    history.add(status([with10(1), with10(1)].map((one, at) => ({ ...one, name: `t${at}` }))), 0);
    history.add(status([with10(3), with10(2)].map((one, at) => ({ ...one, name: `t${at}` }))), 2000);
    assert.equal(history.of("t0").connections, 10);
    assert.equal(history.of("t0").bytesOut, 4000);
    assert.equal(history.of(placeOf("t0", "a:1")).bytesIn, 600);
    assert.equal(history.of(everything).connections, 15);
    assert.deepEqual(history.of("t1").bytes, [2500]);
  });

  test("do not jump when the program is started anew, and never are negative", () => {
    const history = new History();
    const counted = (connections: number) => [tunnel("web", { connections })];
    history.add(status(counted(1000)), 0);
    history.add(status(counted(1001)), 1000);
    history.add(status(counted(5000), 2), 2000);
    assert.deepEqual(history.of("web").opened, [1]);
    history.add(status(counted(5001), 2), 3000);
    history.add(status(counted(3), 2), 4000);
    assert.deepEqual(history.of("web").opened, [1, 1, 0]);
  });
});

suite("rows", () => {
  test("have the place of what they are about, so that a selection stays where it is", () => {
    const rows = tunnelRows(status([tunnel("web"), tunnel("db")]), "");
    assert.deepEqual(
      rows.map(({ place }) => place),
      ["web", "web\n10.0.0.1:80", "web\n10.0.0.2:80", "db", "db\n10.0.0.1:80", "db\n10.0.0.2:80"],
    );
  });

  test("are those that the filter fits: a tunnel with all its targets, a target with its tunnel", () => {
    const all = status([
      tunnel("web"),
      tunnel("db", { targets: [target("10.9.9.9:1", { health: "down" })] }),
    ]);
    assert.equal(tunnelRows(all, "WEB").length, 3);
    assert.deepEqual(
      tunnelRows(all, "down").map(({ kind }) => kind),
      ["tunnel", "target"],
    );
    assert.equal(tunnelRows(all, "nothing").length, 0);
    assert.equal(sessionRows([session("a", 1), session("b", 5)], "10.1.1.1")[0]?.place, "b");
  });

  test("move on the screen only as far as the selected one needs", () => {
    const rows = sessionRows(
      Array.from({ length: 20 }, (_, at) => session(`s${at}`, 100 - at)),
      "",
    );
    const at = (selected: string | undefined, top: number) =>
      windowOf(rows, { selected, height: 5, top }).top;
    assert.deepEqual(
      [at(undefined, 0), at("s4", 0), at("s5", 0), at("s7", 6), at("s2", 6), at("s19", 0)],
      [0, 0, 1, 6, 2, 15],
    );
    assert.equal(windowOf(rows.slice(0, 3), { selected: undefined, height: 5, top: 9 }).rows.length, 3);
  });

  test("are as wide as the screen at most, whatever is in them", () => {
    const long = "f".repeat(200);
    const rows = [
      ...tunnelRows(
        status([tunnel(long, { listeners: [long], targets: [target(long, { reason: long })] })]),
        "",
      ),
      ...sessionRows([{ ...session(long, 1e15), client: long, target: long, serverName: long }], ""),
    ];
    for (const width of [80, 100, 200]) {
      for (const row of rows) {
        const line = rowLine(row, { history: new History(), selected: true, width });
        const text = line.map((piece) => piece.text).join("");
        assert.ok([...text].length <= width, `${row.kind} at ${width}: ${[...text].length}`);
      }
      for (const list of ["tunnels", "sessions"] as const)
        assert.ok((titleLine(list, width)[0]?.text.length ?? 0) <= width);
    }
  });
});

suite("keys", () => {
  const rows = tunnelRows(status([tunnel("web")]), "");
  const sessions = sessionRows([session("s1", 1)], "");

  function type(keys: readonly (string | Press)[], list: readonly Row[] = rows, from: View = firstView) {
    let view = from;
    const actions: Action[] = [];
    for (const key of keys) {
      const outcome = press(view, typeof key === "string" ? { text: key } : key, { rows: list, page: 10 });
      view = outcome.view;
      if (outcome.action) actions.push(outcome.action);
    }
    return { view, actions };
  }
  const down: Press = { name: "down", text: "" };
  const enter: Press = { name: "return", text: "" };
  const leave: Press = { name: "escape", text: "" };

  test("drain, enable and disable the selected target, once it is confirmed", () => {
    for (const [key, admin] of [
      ["d", "draining"],
      ["e", "enabled"],
      ["x", "disabled"],
    ] as const) {
      assert.deepEqual(type([down, down, key]).actions, []);
      assert.deepEqual(type([down, down, key, "n", "y"]).actions, []);
      assert.deepEqual(type([down, down, key, leave, "y"]).actions, []);
      assert.deepEqual(type([down, down, key, "y"]).actions, [
        { kind: "target", tunnel: "web", key: "10.0.0.1:80", change: { admin } },
      ]);
    }
  });

  test("do nothing to a tunnel, nor without a selection, and say so", () => {
    for (const keys of [
      ["d", "y"],
      [down, "d", "y"],
      ["w", "7", enter, "y"],
      [down, "k", "y"],
    ]) {
      const { view, actions } = type(keys);
      assert.deepEqual(actions, []);
      assert.equal(view.asking, undefined);
    }
    assert.match(type([down, "d"]).view.notice ?? "", /select a target/);
  });

  test("give a weight from 1 to 1000, or the configuration's own", () => {
    const weigh = (text: string) => type([down, down, "w", ...text, enter, "y"]).actions;
    assert.deepEqual(weigh("70"), [
      { kind: "target", tunnel: "web", key: "10.0.0.1:80", change: { weight: 70 } },
    ]);
    assert.deepEqual(weigh("default"), [
      { kind: "target", tunnel: "web", key: "10.0.0.1:80", change: { weight: null } },
    ]);
    for (const bad of ["0", "1001", "-1", "", "7x"]) assert.deepEqual(weigh(bad), [], bad);
    const backspace: Press = { name: "backspace", text: "" };
    assert.deepEqual(type([down, down, "w", "7", "0", backspace, enter, "y"]).actions, weigh("7"));
  });

  test("kill the selected session, once it is confirmed", () => {
    const view: View = { ...firstView, list: "sessions" };
    assert.deepEqual(type([down, "k"], sessions, view).actions, []);
    assert.deepEqual(type([down, "k", "y"], sessions, view).actions, [{ kind: "kill", id: "s1" }]);
  });

  test("filter as they are typed; Enter keeps the filter, Escape brings the one before back", () => {
    assert.equal(type(["/", "w", "q", enter]).view.filter, "wq");
    assert.equal(type(["/", "w", enter, "/", "x", leave]).view.filter, "w");
    assert.equal(type(["/", "w", enter, leave]).view.filter, "");
  });

  test("show the sessions of what is selected", () => {
    assert.deepEqual(
      { ...type([down, enter]).view, notice: undefined },
      { ...firstView, list: "sessions", filter: "web" },
    );
    assert.equal(type([down, down, enter]).view.filter, "10.0.0.1:80");
  });

  test("quit only where no question is open", () => {
    assert.equal(press(firstView, { text: "q" }, { rows, page: 5 }).quit, true);
    const asking = type(["/"]).view;
    assert.equal(press(asking, { text: "q" }, { rows, page: 5 }).quit, undefined);
  });

  test("move the selection to both ends and no further", () => {
    const up: Press = { name: "up", text: "" };
    assert.equal(type([up]).view.selected, rows.at(-1)?.place);
    assert.equal(type([{ name: "end", text: "" }]).view.selected, rows.at(-1)?.place);
    assert.equal(type([down, up, up]).view.selected, "web");
    assert.equal(type([...Array.from({ length: 9 }, () => down)]).view.selected, rows.at(-1)?.place);
    assert.equal(type([down], []).view.selected, undefined);
  });
});

test("a sparkline has a full bar for the highest value, gaps for nothing, and the newest at the right", () => {
  assert.equal(sparkline([0, 1, 4, 8], 4), " ▂▅█");
  assert.equal(sparkline([8], 3), "  █");
  assert.equal(sparkline([1, 2, 3, 4], 2), "▇█");
  assert.equal(sparkline([0, 0], 2), "  ");
  assert.equal(sparkline([], 0), "");
});
