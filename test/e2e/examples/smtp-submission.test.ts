/**
 * config/smtp-submission.yaml: in SMTP the server speaks first and the dialogue goes back and forth, so a proxy that waits for the client
 * or holds bytes back would hang here.
 */
import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { exampleCertificates, startExample } from "../../support/examples.ts";
import { run } from "../../support/program.ts";
import { requires } from "../../support/requires.ts";
import { startSmtpSink } from "../../support/smtp.ts";

suite("config/smtp-submission.yaml", requires("smtp-sink", "curl"), () => {
  async function setUp() {
    await using stack = new AsyncDisposableStack();
    const certificates = stack.use(exampleCertificates());
    const sink = stack.use(await startSmtpSink());
    const instance = stack.use(
      await startExample("smtp-submission.yaml", {
        CERTS: certificates.dir,
        SUBMISSION_LISTEN: "127.0.0.1:0",
        SMTP: `127.0.0.1:${sink.port}`,
      }),
    );
    const send = (message: string, ...more: readonly string[]) => {
      const url = `smtps://localhost:${instance.port("smtp-submission")}`;
      const envelope = ["--mail-from", "me@example.com", "--mail-rcpt", "you@example.com"];
      return run("curl", ["-sS", ...more, ...envelope, "-T", "-", url], { input: message });
    };
    const owned = stack.move();
    return {
      sink,
      instance,
      certificates,
      send,
      [Symbol.asyncDispose]: () => owned.disposeAsync(),
    };
  }

  test("a mail that curl hands in over TLS arrives at the plain server", async () => {
    await using setup = await setUp();
    const { sink, instance, certificates, send } = setup;
    const sent = await send(
      "Subject: A test\r\n\r\nHello through the tunnel\r\n",
      "--cacert",
      certificates.ca,
    );
    assert.equal(sent.code, 0, sent.text);
    const [session] = await instance.sessions(1);
    assert.equal(session?.outcome, "completed");
    const [mail, ...others] = sink.mails();
    assert.match(mail ?? "", /you@example\.com[\s\S]*Subject: A test\n\nHello through the tunnel\n/);
    assert.deepEqual(others, []);
  });

  test("a mail of several megabytes arrives whole", async () => {
    await using setup = await setUp();
    const { sink, certificates, send } = setup;
    const lines = Array.from({ length: 60_000 }, (_, index) => `line ${index} ${"x".repeat(50)}`);
    const sent = await send(`Subject: Long\n\n${lines.join("\n")}\n`, "--crlf", "--cacert", certificates.ca);
    assert.equal(sent.code, 0, sent.text);
    const [mail = ""] = sink.mails();
    assert.deepEqual(mail.match(/^line .*$/gm), lines);
  });

  test("a client that does not trust the certificate hands in nothing", async () => {
    await using setup = await setUp();
    const { sink, instance, send } = setup;
    const sent = await send("Subject: Lost\r\n\r\n");
    assert.equal(sent.code, 60, sent.text);
    const [session] = await instance.sessions(1);
    assert.equal(session?.outcome, "handshake-failed");
    assert.deepEqual(sink.mails(), []);
  });
});
