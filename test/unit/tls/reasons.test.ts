/** OpenSSL's codes in our words. The code stays behind them for a search, and metrics get few labels only. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { describeTlsCode, describeTlsError, tlsLabel } from "../../../src/tls/reasons.ts";

const coded = (code: string, message = "0A000123:error:SSL routines") =>
  Object.assign(new Error(message), { code });

describe("the reason of a failed handshake", () => {
  it("is told in words, its code behind them", () => {
    const reason = describeTlsError(coded("ERR_SSL_NO_SHARED_CIPHER"));
    assert.equal(reason, "no cipher suite in common (ERR_SSL_NO_SHARED_CIPHER)");
    assert.equal(describeTlsCode("CERT_HAS_EXPIRED"), "the certificate has expired (CERT_HAS_EXPIRED)");
  });

  it("knows alerts by their names of all OpenSSL versions, and counts them under one", () => {
    for (const code of ["ERR_SSL_SSLV3_ALERT_BAD_CERTIFICATE", "ERR_SSL_SSL/TLS_ALERT_BAD_CERTIFICATE"]) {
      assert.equal(describeTlsError(coded(code)), `the peer refused our certificate (${code})`);
      assert.equal(tlsLabel(coded(code)), "ERR_SSL_SSLV3_ALERT_BAD_CERTIFICATE");
    }
  });

  it("keeps message and code when the code is unknown, for it may be OpenSSL's newest", () => {
    assert.equal(describeTlsError(coded("ERR_SSL_NEW", "new trouble")), "new trouble (ERR_SSL_NEW)");
    assert.equal(describeTlsError(new Error("no code")), "no code");
    assert.equal(describeTlsCode("NEW"), "NEW");
  });

  it("is one of few labels for metrics, whatever a peer provokes", () => {
    assert.equal(tlsLabel(coded("CERT_HAS_EXPIRED")), "CERT_HAS_EXPIRED");
    for (const other of [coded("ERR_SSL_NEW"), new Error("x"), undefined])
      assert.equal(tlsLabel(other), "other");
  });
});
