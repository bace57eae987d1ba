/** Several identities under one set of rules: each name gets its certificate, and sessions are resumed whichever was shown. */
import assert from "node:assert/strict";
import { after, before, suite, test } from "node:test";
import { testAuthority, writeFiles } from "../support/certificates.ts";
import { startSigned, type TestTarget } from "../support/echo.ts";
import { type Instance, startInstance } from "../support/instance.ts";
import { sClient } from "../support/openssl.ts";
import { requires } from "../support/requires.ts";

const authority = testAuthority();
const first = authority.issue({ cn: "first.test" });
const second = authority.issue({ cn: "second.test", sans: ["second.test", "*.second.test"] });
const client = testAuthority("Clients");

suite("certificates of one frontend", requires("openssl"), () => {
  let target: TestTarget;
  let program: Instance;
  const own = client.issue({ cn: "client" });
  const files = writeFiles({ "client.crt": own.chain, "client.key": own.key });

  before(async () => {
    target = await startSigned("target");
    program = await startInstance(
      `tunnels:
  open:
    frontend:
      listen: "127.0.0.1:0"
      tls: { certificates: [ { cert: first.crt, key: first.key }, { cert: second.crt, key: second.key } ] }
    backend: ${target.port}
  mutual:
    frontend:
      listen: "127.0.0.1:0"
      tls: { cert: first.crt, key: first.key, certificates: [ { cert: second.crt, key: second.key } ], client: { ca: clients.crt } }
    backend: ${target.port}
`,
      {
        ...{ "first.crt": first.chain, "first.key": first.key },
        ...{ "second.crt": second.chain, "second.key": second.key, "clients.crt": client.cert },
      },
    );
  });

  after(async () => {
    await program[Symbol.asyncDispose]();
    await target.close();
    files[Symbol.dispose]();
  });

  async function talk(tunnel: string, args: readonly string[]) {
    const identity =
      tunnel === "mutual" ? ["-cert", files.path("client.crt"), "-key", files.path("client.key")] : [];
    const { text } = await sClient(program.port(tunnel), [...identity, ...args]);
    const subject = /subject=CN ?= ?(\S+)/.exec(text)?.[1];
    return { subject, text, reused: /^Reused, TLS/m.test(text), served: text.includes("here is target") };
  }

  test("are chosen by the server name, the first one without a match", async () => {
    for (const tunnel of ["open", "mutual"])
      for (const [name, subject] of [
        ["first.test", "first.test"],
        ["second.test", "second.test"],
        ["SECOND.test.", "second.test"],
        ["a.second.test", "second.test"],
        ["a.b.second.test", "first.test"],
        ["unknown.test", "first.test"],
        [undefined, "first.test"],
      ] as const) {
        const seen = await talk(tunnel, name === undefined ? ["-noservername"] : ["-servername", name]);
        assert.deepEqual([seen.subject, seen.served], [subject, true], `${name}: ${seen.text}`);
      }
  });

  for (const version of ["1_2", "1_3"])
    test(`TLS ${version.replace("_", ".")}: sessions are resumed under any of them, by clients that were let in`, async () => {
      for (const tunnel of ["open", "mutual"]) {
        const session = files.path(`${tunnel}-${version}`);
        const args = [`-tls${version}`, "-servername", "second.test"];
        await talk(tunnel, [...args, "-sess_out", session]);
        const again = await talk(tunnel, [...args, "-sess_in", session]);
        assert.deepEqual([again.reused, again.served], [true, true], again.text);
      }
      // a session that was opened without a client's certificate brings nobody in where one is asked for
      const { text } = await sClient(program.port("mutual"), [
        ...[`-tls${version}`, "-servername", "second.test"],
        ...["-sess_in", files.path(`open-${version}`)],
      ]);
      assert.doesNotMatch(text, /here is target|^Reused/m);
    });
});
