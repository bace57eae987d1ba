/**
 * Operators and their scripts look at a running program and change it by commands. What these print has to be true, their exit
 * codes are part of the contract, and on failure they have to say what to do.
 */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { connect } from "node:net";
import { createInterface } from "node:readline";
import { suite, test } from "node:test";
import type { ControlEvent, OverlayEntry, ReloadResult } from "../../src/core/control.ts";
import type { SessionStatus, Status, TargetStatus, TunnelStatus } from "../../src/core/status.ts";
import { writeFiles } from "../support/certificates.ts";
import { command } from "../support/command.ts";
import { startEcho } from "../support/echo.ts";
import { launcher } from "../support/instance.ts";
import { startOperated } from "../support/operated.ts";
import { visit } from "../support/visit.ts";

suite("commands to a running program", { concurrency: 2 }, () => {
  test("status, tunnels and targets show what runs, as tables and as JSON", async () => {
    await using echo = await startEcho();
    await using program = await startOperated(
      `tunnels: { web: { frontend: "127.0.0.1:0", backend: [ ${echo.port}, 1 ] } }`,
    );
    const { instance, operate } = program;
    await visit(instance.port("web"), { say: "12345" });
    await instance.sessions(1);

    const status = await operate("status");
    assert.equal(status.code, 0, status.stderr);
    assert.match(status.stdout, new RegExp(`state +running, pid ${instance.pid}, up \\d`));
    assert.match(
      status.stdout,
      new RegExp(`\nweb +127.0.0.1:${instance.port("web")} +- +2/2 up +0 +0 +1 +5 +5\n`),
    );
    const { tunnels, pid } = (await operate("status", "--json")).json<Status>();
    assert.equal(pid, instance.pid);
    assert.deepEqual(
      tunnels.map(({ name, connections, bytes }) => [name, connections, bytes]),
      [["web", 1, { in: 5, out: 5 }]],
    );

    const one = await operate("tunnels", "web");
    assert.match(one.stdout, /outcomes +1 completed\n/);
    assert.equal((await operate("tunnels", "--json")).json<readonly TunnelStatus[]>().length, 1);
    const targets = await operate("targets");
    assert.match(targets.stdout, new RegExp(`web +127.0.0.1:${echo.port} +up +1 +0 +1 +0 +5 +5\n`));
    // nothing here goes beyond the line of an ordinary terminal, or has colours in a pipe
    for (const { stdout } of [status, one, targets]) {
      for (const line of stdout.split("\n"))
        if (!line.startsWith("configuration")) assert.ok(line.length <= 80, line);
      assert.ok(!stdout.includes("\u001b"));
    }
    const coloured = await command(["targets", "--socket", program.socket], { env: { FORCE_COLOR: "1" } });
    assert.ok(coloured.stdout.includes("\u001b[32mup"));
    const plain = await command(["targets", "--socket", program.socket], {
      env: { FORCE_COLOR: "1", NO_COLOR: "1" },
    });
    assert.equal(plain.code, 0);

    const unknown = await operate("tunnels", "nope");
    assert.equal(unknown.code, 1);
    assert.match(unknown.stderr, /^there is no tunnel "nope"\n$/);
  });

  test("target set changes where sessions go; overlay shows it and takes it back", async () => {
    await using echo = await startEcho();
    await using other = await startEcho();
    await using program = await startOperated(
      `tunnels: { web: { frontend: "127.0.0.1:0", backend: [ ${echo.port}, ${other.port} ] } }`,
    );
    const { instance, operate } = program;
    const key = `127.0.0.1:${echo.port}`;
    const set = await operate("target", "set", "web", key, "draining", "--weight", "7");
    assert.equal(set.code, 0, set.stderr);
    assert.match(set.stdout, new RegExp(`web +${key} +draining +7\\*`));
    for (let time = 0; time < 3; time++) await visit(instance.port("web"));
    assert.deepEqual([echo.sockets.length, other.sockets.length], [0, 3]);

    const overlay = (await operate("overlay", "--json")).json<readonly OverlayEntry[]>();
    assert.deepEqual(
      overlay.map(({ path, change }) => [path, change]),
      [[`tunnels/web/targets/${key}`, "target"]],
    );
    assert.match(
      (await operate("overlay")).stdout,
      new RegExp(`tunnels/web/targets/${key} +target .*draining`),
    );
    assert.equal((await operate("overlay", "drop")).code, 64);
    const path = `tunnels/web/targets/${key}`;
    const change = `  ~ target web ${key}: draining → enabled, weight 7 → 1\n`;
    const wouldBe = await operate("overlay", "drop", path, "--dry-run");
    assert.equal(wouldBe.stdout, `${path}: taking it back would change\n${change}`);
    const dropped = await operate("overlay", "drop", path);
    assert.equal(dropped.code, 0, dropped.stderr);
    assert.equal(dropped.stdout, `${path}: taken back\n${change}`);
    const [target] = (await operate("targets", "web", "--json")).json<readonly TargetStatus[]>();
    assert.deepEqual([target?.admin, target?.weight, target?.overridden], ["enabled", 1, false]);

    for (const [args, message] of [
      [["target", "set", "web", key], /say what to set/],
      [["target", "set", "web", key, "gone"], /enabled, draining, disabled/],
      [["target", "set", "web", key, "--weight", "1001"], /1 to 1000/],
    ] as const) {
      const { code, stderr } = await operate(...args);
      assert.equal(code, 64, args.join(" "));
      assert.match(stderr, message);
    }
    assert.equal((await operate("target", "set", "web", "127.0.0.1:2", "disabled")).code, 1);
  });

  test("sessions are listed and killed", async () => {
    await using echo = await startEcho();
    await using program = await startOperated(
      `tunnels: { web: { frontend: "127.0.0.1:0", backend: ${echo.port} } }`,
    );
    const { instance, operate } = program;
    const client = connect(instance.port("web"), "127.0.0.1");
    client.on("error", () => {});
    client.write("hello");
    await once(client, "data");
    const [session] = (await operate("sessions", "web", "--json")).json<readonly SessionStatus[]>();
    assert.ok(session);
    assert.deepEqual(
      [session.tunnel, session.target, session.bytes.in],
      ["web", `127.0.0.1:${echo.port}`, 5],
    );
    assert.match((await operate("sessions")).stdout, new RegExp(`${session.id} +web +${session.client} `));

    const closed = new Promise((resolve) => client.once("close", resolve));
    const killed = await operate("session", "kill", session.id);
    assert.equal(killed.code, 0, killed.stderr);
    await closed;
    const [ended] = await instance.sessions(1);
    assert.equal(ended?.outcome, "killed");
    const again = await operate("session", "kill", session.id);
    assert.equal(again.code, 1);
    assert.match(again.stderr, /there is no session/);
  });

  test("reload shows what changes before and after, and every error of a file that is refused", async () => {
    await using program = await startOperated(
      'tunnels: { web: { frontend: "127.0.0.1:0", backend: [ 1, 2 ] } }',
    );
    const { operate } = program;
    const generation = async () => (await operate("status", "--json")).json<Status>().generation;
    const write = (text: string) =>
      import("node:fs").then(({ writeFileSync }) =>
        writeFileSync(
          program.path("tunnels.yaml"),
          `admin: { socket: run/control.sock, state: run/state.json }\nlog: { rejections: 0 }\n${text}`,
        ),
      );
    await write(
      'tunnels: { web: { frontend: "127.0.0.1:0", backend: [ 1, 3 ] }, db: { frontend: "127.0.0.1:0", backend: 4 } }',
    );
    const dry = await operate("reload", "--dry-run");
    assert.equal(dry.code, 0, dry.stderr);
    for (const line of ["\\+ tunnel db", "\\+ target web 127.0.0.1:3", "- target web 127.0.0.1:2"])
      assert.match(dry.stdout, new RegExp(`\n  ${line}\n`));
    assert.equal(await generation(), 1);
    const { code, json } = await operate("reload", "--json");
    assert.equal(code, 0);
    const result = json<ReloadResult>();
    assert.ok(result.ok && result.diff.tunnelsAdded[0] === "db");
    assert.equal(await generation(), 2);

    await write(
      'tunnels: { web: { frontend: "127.0.0.1:0", backend: "x:y" }, db: { frontend: 1, backnd: 4 } }',
    );
    for (const options of [[], ["--dry-run"]]) {
      const refused = await operate("reload", ...options);
      assert.equal(refused.code, 1);
      assert.match(
        refused.stderr,
        /tunnels\.yaml:3:\d+: tunnels\.web\.backend.*\n(.*\n)+.*tunnels\.db.*backnd/,
      );
    }
    assert.equal(await generation(), 2);
    assert.match((await operate("status")).stdout, /reload +refused .* ago: .*tunnels\.yaml:3/);
  });

  test("log level is set, for a time if wanted", async () => {
    await using program = await startOperated('tunnels: { web: { frontend: "127.0.0.1:0", backend: 1 } }');
    const { operate } = program;
    assert.equal((await operate("log", "level")).stdout, "info\n");
    assert.equal((await operate("log", "level", "debug", "--for", "10m")).stdout, "debug for 10m\n");
    assert.deepEqual((await operate("log", "level", "--json")).json(), { level: "debug" });
    assert.equal((await operate("log", "level", "warn", "--for", "50ms")).code, 0);
    let level = "warn";
    for (const until = Date.now() + 20_000; level === "warn" && Date.now() < until; )
      level = (await operate("log", "level", "--json")).json<{ readonly level: string }>().level;
    // the last level that was set to stay
    assert.equal(level, "info");
    assert.equal((await operate("log", "level", "loud")).code, 64);
    assert.equal((await operate("log", "level", "--for", "1m")).code, 64);
  });

  test("events are told as they happen, and -f goes on over a restart", async () => {
    await using echo = await startEcho();
    const yaml = `tunnels: { web: { frontend: "127.0.0.1:0", backend: ${echo.port} } }`;
    await using program = await startOperated(yaml);
    const args = ["events", "-f", "--json", "--only", "session.closed", "--socket", program.socket];
    const child = spawn(process.execPath, [launcher, ...args], { stdio: ["ignore", "pipe", "inherit"] });
    const told: ControlEvent[] = [];
    let heard = () => {};
    createInterface({ input: child.stdout }).on("line", (line) => {
      told.push(JSON.parse(line));
      heard();
    });
    // what happens before the reader is there is not told: so again and again until it is
    const hear = async (port: number, say: string) => {
      const isTold = () => told.some(({ facts }) => facts["bytesIn"] === say.length);
      for (const until = Date.now() + 20_000; !isTold() && Date.now() < until; ) {
        const next = new Promise<void>((resolve) => {
          heard = resolve;
          setTimeout(resolve, 300);
        });
        await visit(port, { say });
        await next;
      }
      assert.ok(isTold(), `${say}: ${JSON.stringify(told)}`);
    };
    try {
      await hear(program.instance.port("web"), "first");
      assert.ok(
        told.every(({ name, facts }) => name === "session.closed" && facts["outcome"] === "completed"),
      );
      const { Instance } = await import("../support/instance.ts");
      using kept = writeFiles({
        "tunnels.yaml": `admin: { socket: ${program.socket} }\nlog: { rejections: 0 }\n${yaml}`,
      });
      const { mkdirSync } = await import("node:fs");
      await program.instance.stop();
      mkdirSync(program.path("run"), { recursive: true, mode: 0o700 });
      await using again = new Instance(["-c", kept.path("tunnels.yaml")]);
      await again.line((line) => line.event === "ready", "the ready record");
      await hear(again.port("web"), "second time");
    } finally {
      child.kill();
    }
  });

  test("events end after so many, after a time, or with the program", async () => {
    await using echo = await startEcho();
    await using program = await startOperated(
      `tunnels: { web: { frontend: "127.0.0.1:0", backend: ${echo.port} } }`,
    );
    const { operate, instance } = program;
    assert.deepEqual(await operate("events", "--for", "100ms").then(({ code, stdout }) => [code, stdout]), [
      0,
      "",
    ]);
    const counted = operate("events", "--count", "2", "--only", "session.opened", "session.closed");
    let done = false;
    void counted.finally(() => {
      done = true;
    });
    while (!done) await visit(instance.port("web"));
    const { code, stdout } = await counted;
    assert.equal(code, 0);
    assert.match(
      stdout,
      /^\d\d:\d\d:\d\d session\.(opened|closed) .*\n\d\d:\d\d:\d\d session\.(opened|closed) .*tunnel=web.*\n$/,
    );
  });

  test("drain lets sessions finish, stop does not; afterwards nobody answers", async () => {
    for (const [words, outcome] of [
      [["drain", "--deadline", "20s"], "completed"],
      [["stop"], "drained"],
    ] as const) {
      await using echo = await startEcho();
      await using program = await startOperated(
        `tunnels: { web: { frontend: "127.0.0.1:0", backend: ${echo.port} } }`,
      );
      const { instance, operate } = program;
      const client = connect(instance.port("web"), "127.0.0.1");
      client.on("error", () => {});
      client.write("hello");
      await once(client, "data");
      const { code, stderr, stdout } = await operate(...words);
      assert.equal(code, 0, stderr);
      assert.match(stdout, new RegExp(`process ${instance.pid} (drains: 1 session under way|stops)`));
      if (words[0] === "drain") client.end();
      assert.equal(await instance.exited(), 0);
      const [session] = await instance.sessions(1);
      assert.equal(session?.outcome, outcome);
      client.destroy();
      const after = await operate("status");
      assert.equal(after.code, 69);
      assert.match(
        after.stderr,
        /control\.sock: (there is no such socket|nobody listens).*-c FILE or --socket PATH/,
      );
    }
  });

  test("healthcheck says 0 or 1, whatever is wrong", async () => {
    await using program = await startOperated('tunnels: { web: { frontend: "127.0.0.1:0", backend: 1 } }');
    const { operate, instance } = program;
    for (const options of [[], ["--ready"]]) assert.equal((await operate("healthcheck", ...options)).code, 0);
    // stopped in its tracks: it accepts and never answers
    instance.process.kill("SIGSTOP");
    const stuck = await operate("healthcheck", "--timeout", "200ms");
    instance.process.kill("SIGCONT");
    assert.equal(stuck.code, 1);
    assert.match(stuck.stderr, /no answer within 0\.2 s/);
    await instance.stop();
    const gone = await operate("healthcheck", "--json");
    assert.equal(gone.code, 1);
    assert.equal(gone.json<{ readonly ok: boolean }>().ok, false);
  });

  test("the control socket is found by -c, the environment, and its usual place", async () => {
    await using program = await startOperated('tunnels: { web: { frontend: "127.0.0.1:0", backend: 1 } }');
    const folder = program.path(".");
    const env = { EQUILIBRIA_SOCKET: program.socket };
    for (const [args, options] of [
      [["status", "-c", program.path("tunnels.yaml")], {}],
      [["-c", program.path("tunnels.yaml"), "status"], {}],
      [["status"], { cwd: folder }],
      [["status"], { env }],
    ] as const) {
      const { code, stderr } = await command(args, options);
      assert.equal(code, 0, `${args.join(" ")}: ${stderr}`);
    }
    using files = writeFiles({ "none.yaml": "tunnels: {}\n", "bad.yaml": "a: [\n" });
    const none = await command(["status", "-c", files.path("none.yaml")]);
    assert.equal(none.code, 69);
    assert.match(none.stderr, /has no admin\.socket.*add admin: \{ socket: run\/control\.sock \}/);
    assert.equal((await command(["status", "-c", files.path("bad.yaml")])).code, 78);
    assert.equal((await command(["status", "-c", files.path("missing.yaml")])).code, 66);
    assert.equal((await command(["status", "--socket", `/${"x".repeat(120)}`])).code, 64);
  });
});
