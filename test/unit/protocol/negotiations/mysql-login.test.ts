import assert from "node:assert/strict";
import { once } from "node:events";
import { duplexPair } from "node:stream";
import { suite, test } from "node:test";
import type { Target } from "../../../../src/core/backend.ts";
import { Session } from "../../../../src/core/session.ts";
import { StreamPeer } from "../../../../src/net/line-peer.ts";
import { greeting, packet, readPacket, withCapabilities } from "../../../../src/protocol/mysql-packet.ts";
import { MysqlLogin } from "../../../../src/protocol/negotiations/mysql-login.ts";

const capabilities = 0x0008_8200;
const response = packet(
  1,
  Buffer.concat([withCapabilities(Buffer.alloc(32), capabilities), Buffer.from("joe\0\0plugin\0")]),
);

suite("the login to MySQL", () => {
  test("a password does not leave this machine without TLS", async () => {
    const address = { kind: "tcp", host: "192.0.2.1", port: 3306 } as const;
    const session = new Session({ tunnel: "t", client: address, local: address });
    session.target = { key: "192.0.2.1:3306", address } as Target;
    const [client, us] = duplexPair();
    const [target, them] = duplexPair();
    const client2 = new StreamPeer(client, { who: "client" });
    const target2 = new StreamPeer(target, { who: "target" });
    client.write(response);
    const ours = new StreamPeer(us, { who: "client" });
    const login = new MysqlLogin(session, await readPacket(ours), { isComplete: true });
    const done = login.connected(new StreamPeer(them, { who: "target" }), ours);
    const refused = assert.rejects(done, /The password would leave this machine/);
    target.write(packet(0, greeting({ version: "8.4.0", capabilities })));
    await readPacket(target2);
    target.write(packet(2, Buffer.from("\xfecaching_sha2_password\0abcdefghijklmnopqrst\0", "latin1")));
    assert.equal((await readPacket(client2)).number, 2);
    client.write(packet(3, Buffer.alloc(32, 1)));
    await readPacket(target2);
    target.write(packet(4, Buffer.from([1, 4])));
    assert.equal((await readPacket(client2)).number, 4);
    client.write(packet(5, Buffer.from("secret\0")));
    const last = await readPacket(client2);
    assert.equal(last.number, 6);
    assert.match(
      last.payload.toString(),
      /#HY000The password would leave this machine: the backend needs tls/,
    );
    await refused;
    them.end();
    target.resume();
    await once(target, "end");
  });
});
