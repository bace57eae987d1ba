import { describeSocketError, errorCode } from "../net/socket-error.ts";

/** OpenSSL's verification codes and alert names, which differ between versions, in our words. */
const words: Readonly<Record<string, string>> = {
  CERT_HAS_EXPIRED: "the certificate has expired",
  CERT_NOT_YET_VALID: "the certificate is not valid yet",
  CERT_REVOKED: "the certificate is revoked",
  CERT_REJECTED: "the certificate is rejected by its authority's settings",
  CERT_SIGNATURE_FAILURE: "the certificate's signature is wrong",
  CERT_UNTRUSTED: "the certificate is not trusted for this use",
  DEPTH_ZERO_SELF_SIGNED_CERT: "the certificate is self-signed and not trusted",
  INVALID_CA: "the certificate is signed by one that is no authority",
  INVALID_PURPOSE: "the certificate is not made for this use (extended key usage)",
  PATH_LENGTH_EXCEEDED: "the certificate's chain is longer than its authority allows",
  SELF_SIGNED_CERT_IN_CHAIN: "the certificate's root is not trusted",
  UNABLE_TO_GET_ISSUER_CERT: "the certificate's authority is not trusted",
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: "the certificate's authority is not trusted",
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: "the certificate's authority is not trusted",
  ERR_TLS_CERT_ALTNAME_INVALID: "the certificate is for another name",
  ERR_SSL_HTTP_REQUEST: "plain HTTP was sent where TLS is expected",
  ERR_SSL_HTTPS_PROXY_REQUEST: "plain HTTP was sent where TLS is expected",
  ERR_SSL_WRONG_VERSION_NUMBER: "the peer does not speak TLS",
  ERR_SSL_PACKET_LENGTH_TOO_LONG: "the peer does not speak TLS",
  ERR_SSL_UNSUPPORTED_PROTOCOL: "no TLS version in common",
  ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION: "no TLS version in common",
  ERR_SSL_VERSION_TOO_LOW: "no TLS version in common",
  ERR_SSL_NO_SHARED_CIPHER: "no cipher suite in common",
  ERR_SSL_NO_SUITABLE_KEY_SHARE: "no key exchange group in common",
  ERR_SSL_NO_SUITABLE_GROUPS: "no key exchange group in common",
  ERR_SSL_NO_APPLICATION_PROTOCOL: "no application protocol (ALPN) in common",
  ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL: "no application protocol (ALPN) in common",
  ERR_SSL_TLSV1_ALERT_UNKNOWN_CA: "the peer does not trust our certificate's authority",
  ERR_SSL_TLSV1_UNRECOGNIZED_NAME: "the peer does not know the server name",
  ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE: "the peer refused the handshake",
  ERR_SSL_SSLV3_ALERT_BAD_CERTIFICATE: "the peer refused our certificate",
  ERR_SSL_SSLV3_ALERT_CERTIFICATE_EXPIRED: "the peer says that our certificate has expired",
  ERR_SSL_SSLV3_ALERT_CERTIFICATE_REVOKED: "the peer says that our certificate is revoked",
  ERR_SSL_SSLV3_ALERT_CERTIFICATE_UNKNOWN: "the peer refused our certificate",
  ERR_SSL_SSLV3_ALERT_UNSUPPORTED_CERTIFICATE: "the peer refused our certificate",
  ERR_SSL_SSLV3_ALERT_BAD_RECORD_MAC:
    "the peer could not read what we sent: another key, or damage on the way",
  ERR_SSL_SSLV3_ALERT_ILLEGAL_PARAMETER: "the peer refused what we sent in the handshake",
  ERR_SSL_TLSV1_ALERT_DECRYPT_ERROR: "the peer could not verify what we sent: another key",
  ERR_SSL_TLSV1_ALERT_UNKNOWN_PSK_IDENTITY: "the peer does not know our pre-shared key's identity",
  ERR_SSL_BINDER_DOES_NOT_VERIFY: "the peer has another pre-shared key",
  ERR_SSL_DECRYPTION_FAILED_OR_BAD_RECORD_MAC:
    "what the peer sent could not be read: another key, or damage on the way",
  ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED: "the peer asks for a certificate of ours",
  ERR_SSL_UNEXPECTED_EOF_WHILE_READING: "the peer left during the TLS handshake",
  ECONNRESET: "the peer left during the TLS handshake",
};

/** OpenSSL's verdicts that Node has no code for: UNSPECIFIED, and this message. */
const unspecified: Readonly<Record<string, string>> = {
  "EE certificate key too weak": "the certificate's key is too short",
  "CA certificate key too weak": "the key of the certificate's authority is too short",
  "CA signature digest algorithm too weak": "the certificate is signed with a digest that is too weak",
};

/** Why a handshake failed, in words, the code behind them. */
export function describeTlsError(error: unknown): string {
  const code = errorCode(error);
  return code === undefined ? describeSocketError(error) : describeTlsCode(code, error);
}

/** The same for a bare code, such as a socket's `authorizationError`. */
export function describeTlsCode(code: string, error?: unknown): string {
  const known = words[formerCode(code)];
  if (known !== undefined) return `${known} (${code})`;
  const said = error instanceof Error ? unspecified[error.message] : undefined;
  if (said !== undefined) return `${said} (${code})`;
  return error === undefined ? code : `${describeSocketError(error)} (${code})`;
}

/** What OpenSSL says of bytes that are no TLS. */
const plaintextCodes: ReadonlySet<string> = new Set([
  "ERR_SSL_HTTP_REQUEST",
  "ERR_SSL_HTTPS_PROXY_REQUEST",
  "ERR_SSL_WRONG_VERSION_NUMBER",
  "ERR_SSL_PACKET_LENGTH_TOO_LONG",
]);

/**
 * The error as one of few words, for a metric's label: `plaintext` for a peer that does not speak TLS, the codes that have
 * words of their own above, or `other`.
 */
export function tlsLabel(error: unknown): string {
  const code = errorCode(error);
  if (code === undefined) return "other";
  if (plaintextCodes.has(code)) return "plaintext";
  const former = formerCode(code);
  return words[former] !== undefined ? former : "other";
}

/** OpenSSL 3.5 has changed the names of the oldest alerts; metrics keep theirs. */
function formerCode(code: string): string {
  return code.replace("ERR_SSL_SSL/TLS_ALERT_", "ERR_SSL_SSLV3_ALERT_");
}
