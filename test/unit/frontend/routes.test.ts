// Which route a session takes, decided on what was read before anything was answered.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { networkList } from "../../../src/core/network.ts";
import { type Opening, Session } from "../../../src/core/session.ts";
import type { Route } from "../../../src/core/stage.ts";
import { type NamedRoute, type RouteMatch, routeTable } from "../../../src/frontend/routes.ts";

const route = (): Route => ({ stages: [], handler: { serve: async () => {} } });

/** The name of the route that a client takes; undefined for the one of the others. */
function taken(matches: readonly RouteMatch[], opening: Opening | undefined, host = "192.0.2.1") {
  const routes: NamedRoute[] = matches.map((match, place) => ({
    name: `${place + 1}`,
    match,
    route: route(),
  }));
  const unmatched = route();
  const session = new Session({
    tunnel: "test",
    client: { kind: "tcp", host, port: 1 },
    local: { kind: "tcp", host: "192.0.2.9", port: 443 },
  });
  if (opening) session.opening = opening;
  const found = routeTable(routes, unmatched)(session);
  const named = routes.find((one) => one.route === found);
  assert.equal(session.route, named?.name);
  if (!named) assert.equal(found, unmatched);
  return named?.name;
}

const tls = (serverName?: string, ...alpn: string[]): Opening => ({ protocol: "tls", serverName, alpn });

describe("a route", () => {
  it("is found by the exact name, and by a wildcard for one label", () => {
    const matches = [{ serverNames: ["a.test", "b.test"] }, { serverNames: ["*.a.test"] }];
    assert.equal(taken(matches, tls("a.test")), "1");
    assert.equal(taken(matches, tls("b.test")), "1");
    assert.equal(taken(matches, tls("x.a.test")), "2");
    for (const other of ["x.y.a.test", "xa.test", "test", "x.b.test", "constructor", "__proto__"])
      assert.equal(taken(matches, tls(other)), undefined);
  });

  it("that asks for a name is for no client without one", () => {
    const matches = [{ serverNames: ["a.test"] }, { serverNames: ["*.test"] }];
    assert.equal(taken(matches, tls()), undefined);
    assert.equal(taken(matches, undefined), undefined);
    assert.equal(taken(matches, { protocol: "http" }), undefined);
  });

  it("is the first one in the list whose every condition holds", () => {
    const clients = networkList(["10.0.0.0/8"]);
    const matches = [
      { serverNames: ["*.test"], alpn: ["h2"] },
      { clients },
      { serverNames: ["a.test"] },
      { protocols: ["tls" as const] },
    ];
    assert.equal(taken(matches, tls("a.test", "x", "h2")), "1");
    assert.equal(taken(matches, tls("a.test", "http/1.1"), "10.1.1.1"), "2");
    assert.equal(taken(matches, tls("a.test", "http/1.1")), "3");
    assert.equal(taken(matches, tls("c.other")), "4");
    assert.equal(taken(matches, { protocol: "ssh" }), undefined);
    assert.equal(taken(matches, { protocol: "ssh" }, "10.0.0.1"), "2");
    assert.equal(taken(matches, { protocol: "ssh" }, "::ffff:10.0.0.1"), "2");
  });

  it("by client networks is not for a client that has left already", () => {
    const session = new Session({
      tunnel: "test",
      client: { kind: "unix", path: "" },
      local: { kind: "tcp", host: "::", port: 1 },
    });
    const find = routeTable(
      [{ name: "1", match: { clients: networkList(["unix"]) }, route: route() }],
      undefined,
    );
    assert.equal(find(session), undefined);
  });
});
