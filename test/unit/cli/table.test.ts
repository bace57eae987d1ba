// Tables are read by people, on terminals of 80 columns, and hold what strangers have sent.
import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { type Column, table } from "../../../src/cli/table.ts";
import { formatAge, formatBytes, formatRate } from "../../../src/telemetry/quantities.ts";

interface Row {
  readonly name: string;
  readonly count: number;
}

const columns: readonly Column<Row>[] = [
  { title: "NAME", atLeast: 6, text: ({ name }) => name },
  { title: "COUNT", align: "right", text: ({ count }) => String(count) },
];

suite("a table", () => {
  test("aligns texts to the left, numbers to the right, and leaves no space at the end", () => {
    const text = table(
      [
        { name: "a", count: 1 },
        { name: "longer", count: 12_345_678 },
      ],
      columns,
    );
    assert.equal(text, "NAME       COUNT\na              1\nlonger  12345678\n");
  });

  test("cuts only the columns that can spare it when the terminal is narrow", () => {
    const rows = [{ name: "a-name-that-is-long", count: 7 }];
    assert.equal(table(rows, columns, { width: 16 }), "NAME       COUNT\na-name-t…      7\n");
    assert.equal(table(rows, columns, { width: 3 }), "NAME    COUNT\na-nam…      7\n");
  });

  test("leaves optional columns out where they are empty", () => {
    const noted = [
      ...columns,
      { title: "NOTE", optional: true, text: ({ name }: Row) => (name === "b" ? "!" : "") },
    ];
    const [a, b] = ["a", "b"].map((name) => ({ name, count: 1 }));
    assert.ok(a && b);
    assert.equal(table([a], noted), "NAME  COUNT\na         1\n");
    assert.equal(table([a, b], noted), "NAME  COUNT  NOTE\na         1\nb         1  !\n");
  });

  test("makes control characters harmless", () => {
    const text = table([{ name: "\u001b]0;owned\u0007\n\u202ereversed", count: 1 }], columns);
    assert.doesNotMatch(text.replaceAll("\n", ""), /[\p{Cc}\u202e]/u);
    assert.equal(text.split("\n").length, 3);
  });
});

suite("quantities", () => {
  test("bytes fit into five characters", () => {
    const shown = [0, 999, 1000, 1024, 1536, 102_400, 1024 ** 2 - 1, 20 * 1024 ** 2, 5.5 * 1024 ** 4].map(
      formatBytes,
    );
    assert.deepEqual(shown, ["0", "999", "1.0k", "1.0k", "1.5k", "100k", "1.0M", "20.0M", "5.5T"]);
    for (let power = 0; power < 56; power++) assert.ok(formatBytes(2 ** power - 1).length <= 5, `2^${power}`);
  });

  test("ages have two units at most", () => {
    const shown = [0, 850, 5000, 130_000, 3_600_000, 11_040_000, 5 * 86_400_000 + 7_200_000].map(formatAge);
    assert.deepEqual(shown, ["0ms", "850ms", "5s", "2m10s", "1h", "3h4m", "5d2h"]);
  });

  test("rates have a decimal where it says something", () => {
    assert.deepEqual([0, 0.44, 9.96, 312, 3140, 12_345].map(formatRate), [
      "0",
      "0.4",
      "10",
      "312",
      "3.1k",
      "12k",
    ]);
  });
});
