import { z } from "zod";
import { defineNegotiation } from "../../core/plugin.ts";
import {
  isStartTls,
  ldapAnswer,
  ldapTags,
  parseLdapMessage,
  startTlsRequest,
  startTlsResult,
} from "../ldap-message.ts";
import { declined, unwelcome } from "./failure.ts";

/** RFC 4511 appendix A. */
const confidentialityRequired = 13;
/** Requests of a client that has not understood. */
const patience = 16;

/** StartTLS in LDAP (RFC 4511 section 4.14), towards clients. */
export const ldapServer = defineNegotiation({
  name: "ldap",
  options: z.strictObject({}),
  create: () => ({
    name: "ldap",
    place: "before-tls",
    negotiate: async (client) => {
      for (let requests = 0; requests < patience; requests++) {
        const request = await client.parse(parseLdapMessage);
        if (isStartTls(request)) {
          const last = ldapAnswer(request, { code: 0, text: "" });
          return last ? { last } : {};
        }
        const answer = ldapAnswer(request, { code: confidentialityRequired, text: "StartTLS first" });
        if (!answer || request.operation === ldapTags.unbind) break;
        await client.write(answer);
      }
      throw unwelcome("the ldap client has not asked for StartTLS");
    },
  }),
});

/** StartTLS in LDAP, towards targets. */
export const ldapClient = defineNegotiation({
  name: "ldap",
  options: z.strictObject({}),
  create: () => ({
    name: "ldap",
    place: "before-tls",
    negotiate: async (target) => {
      await target.write(startTlsRequest(1));
      const answer = await target.parse(parseLdapMessage);
      const result = answer.id === 1 ? startTlsResult(answer) : undefined;
      if (result !== 0) throw declined("the ldap server refuses StartTLS", `result ${result ?? "missing"}`);
      return {};
    },
  }),
});
