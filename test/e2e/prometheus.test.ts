/** The alert rules and the Grafana dashboard, judged by the real Prometheus: what they ask about is what a running program tells. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { parse } from "yaml";
import { writeFiles } from "../support/certificates.ts";
import { startNamed } from "../support/echo.ts";
import { freePort } from "../support/ports.ts";
import { run, startProgram } from "../support/program.ts";
import { startReloadable } from "../support/reloadable.ts";
import { requires } from "../support/requires.ts";
import { visit } from "../support/visit.ts";

interface Rules {
  readonly groups: readonly {
    readonly rules: readonly { readonly alert: string; readonly expr: string }[];
  }[];
}
interface Dashboard {
  readonly templating: { readonly list: readonly { readonly query: string | { readonly query: string } }[] };
  readonly panels: readonly {
    readonly title: string;
    readonly targets: readonly { readonly expr: string }[];
  }[];
}
interface Answer {
  readonly status: string;
  readonly error?: string;
  readonly data: {
    readonly result: readonly { readonly metric: object; readonly value: readonly [number, string] }[];
  };
}

const pathOf = (name: string) => fileURLToPath(new URL(`../../config/${name}`, import.meta.url));
const rulesFile = pathOf("prometheus/alerts.yml");
const rules = (parse(readFileSync(rulesFile, "utf8")) as Rules).groups.flatMap((group) => group.rules);
const dashboard = JSON.parse(readFileSync(pathOf("grafana/dashboard.json"), "utf8")) as Dashboard;
const panelQueries = dashboard.panels.flatMap(({ targets }) => targets.map(({ expr }) => expr));
/** Of `label_values(SELECTOR, label)`, which is Grafana's own. */
const variableQueries = dashboard.templating.list.flatMap(({ query }) => {
  const [, selector] =
    (typeof query === "string" ? query : query.query).match(/^label_values\((.+), \w+\)$/) ?? [];
  return selector === undefined ? [] : [selector];
});

/** What Grafana puts in for its variables. */
const filled = (expr: string) =>
  expr.replaceAll("$__rate_interval", "1m").replaceAll(/"\$(instance|tunnel)"/g, '".*"');
/** `_bucket` is a histogram's own series. */
const namesIn = (expr: string) =>
  [...expr.matchAll(/\b(?:equilibria|process|nodejs)_\w+/g)].map(([one]) => one);

async function start() {
  const target = await startNamed("one");
  const [port, metrics] = [await freePort(), await freePort()];
  const yaml = `metrics: { listen: 127.0.0.1:${metrics} }
tunnels:
  web:
    frontend: { listen: 127.0.0.1:${port} }
    backend: 127.0.0.1:${target.port}
`;
  const program = await startReloadable(yaml);
  const scrape = async () => (await fetch(`http://127.0.0.1:${metrics}/metrics`)).text();
  return {
    ...{ program, port, metrics, yaml, scrape },
    [Symbol.asyncDispose]: async () => {
      await program[Symbol.asyncDispose]();
      await target[Symbol.asyncDispose]();
    },
  };
}

const value = (text: string, series: string) =>
  text
    .split("\n")
    .find((line) => line.startsWith(`${series} `))
    ?.split(" ")
    .at(-1);

describe("Prometheus", requires("promtool", "prometheus"), () => {
  test("finds no fault in the rules, nor in what a running program tells", async () => {
    const checked = await run("promtool", ["check", "rules", rulesFile]);
    assert.equal(checked.code, 0, checked.text);
    await using one = await start();
    await visit(one.port);
    const linted = await run("promtool", ["check", "metrics"], { input: await one.scrape() });
    assert.equal(linted.code, 0, linted.text);
  });

  test("finds no fault in the queries of the dashboard, with nothing of Grafana's left in them", async () => {
    const queries = [...panelQueries, ...variableQueries].map(filled);
    assert.equal(variableQueries.length, 2);
    assert.deepEqual(
      queries.filter((expr) => expr.includes("$")),
      [],
    );
    const group = { name: "dashboard", rules: queries.map((expr, n) => ({ record: `panel:${n}`, expr })) };
    using folder = writeFiles({ "rules.yml": JSON.stringify({ groups: [group] }) });
    const checked = await run("promtool", ["check", "rules", folder.path("rules.yml")]);
    assert.equal(checked.code, 0, checked.text);
    assert.match(checked.text, new RegExp(`SUCCESS: ${queries.length} rules found`));
  });

  test("knows every metric that the rules and the dashboard ask about", async () => {
    await using one = await start();
    const known = new Set(
      [...(await one.scrape()).matchAll(/^# TYPE (\w+) (\w+)$/gm)].flatMap(([, name = "", type]) =>
        type === "histogram" ? [name, `${name}_bucket`, `${name}_sum`, `${name}_count`] : [name],
      ),
    );
    const asked = [...rules.map(({ expr }) => expr), ...panelQueries, ...variableQueries].flatMap(namesIn);
    assert.ok(asked.length > 30);
    assert.deepEqual(
      asked.filter((name) => !known.has(name)),
      [],
    );
  });

  test("scrapes it, and evaluates every rule and every panel", async () => {
    await using one = await start();
    await visit(one.port);
    await one.program.instance.sessions(1);
    const port = await freePort();
    using folder = writeFiles({
      "prometheus.yml": `global: { scrape_interval: 1s, evaluation_interval: 1s }
rule_files: [ ${JSON.stringify(rulesFile)} ]
scrape_configs:
  - job_name: equilibria-tunnel
    static_configs: [ { targets: [ "127.0.0.1:${one.metrics}" ] } ]
`,
    });
    await using _ = await startProgram(
      "prometheus",
      [
        `--config.file=${folder.path("prometheus.yml")}`,
        `--storage.tsdb.path=${folder.path("data")}`,
        `--web.listen-address=127.0.0.1:${port}`,
      ],
      { ready: /Server is ready/ },
    );
    const query = async (expr: string): Promise<Answer> => {
      const body = new URLSearchParams({ query: filled(expr) });
      return (await (
        await fetch(`http://127.0.0.1:${port}/api/v1/query`, { method: "POST", body })
      ).json()) as Answer;
    };
    const becomes = async (expr: string, wanted: string) => {
      for (const signal = AbortSignal.timeout(30_000); ; await delay(200)) {
        const { data } = await query(expr);
        if (data.result[0]?.value[1] === wanted) return;
        if (signal.aborted) assert.fail(`${expr} is ${JSON.stringify(data)}, not ${wanted}`);
      }
    };
    await becomes('equilibria_connections_total{tunnel="web"}', "1");
    for (const expr of [...rules.map((rule) => rule.expr), ...panelQueries]) {
      const { status, error } = await query(expr);
      assert.equal(status, "success", `${expr}: ${error}`);
    }
    // an expression that asks about a label that is not there evaluates too, so one of them has to find something
    await one.program.reload("tunnels: nonsense\n");
    const rejected = rules.find(({ alert }) => alert === "EquilibriaReloadRejected");
    await becomes(rejected?.expr ?? "", "0");
    await becomes('ALERTS{alertname="EquilibriaReloadRejected"}', "1");
  });
});

test("reloads are counted, and the last one that failed is told", async () => {
  await using one = await start();
  const figures = async () => {
    const text = await one.scrape();
    return [
      value(text, 'equilibria_config_reloads_total{result="applied"}'),
      value(text, 'equilibria_config_reloads_total{result="rejected"}'),
      value(text, "equilibria_config_last_reload_successful"),
    ];
  };
  assert.deepEqual(await figures(), ["0", "0", "1"]);
  await one.program.reload("tunnels: nonsense\n");
  assert.deepEqual(await figures(), ["0", "1", "0"]);
  await one.program.reload(one.yaml.replace("web:", "other:"));
  assert.deepEqual(await figures(), ["1", "1", "1"]);
});
