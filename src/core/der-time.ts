import { type DerElement, DerError, derTags } from "./der.ts";

/**
 * A UTCTime or GeneralizedTime as RFC 5280 has them (4.1.2.5): in seconds, in UTC.
 *
 * @throws DerError
 */
export function derTime({ tag, contents }: DerElement): Date {
  const isShort = tag === derTags.utcTime;
  const digits = isShort ? 12 : 14;
  if (
    (!isShort && tag !== derTags.generalizedTime) ||
    contents.length !== digits + 1 ||
    contents[digits] !== 0x5a
  )
    throw new DerError("the DER has a time that is not as RFC 5280 has them");
  const pair = (at: number) => 10 * digit(contents[at]) + digit(contents[at + 1]);
  // two digits are from 1950 to 2049
  const year = isShort ? pair(0) + (pair(0) < 50 ? 2000 : 1900) : 100 * pair(0) + pair(2);
  const [month, day] = [pair(digits - 10), pair(digits - 8)];
  const [hour, minute, second] = [pair(digits - 6), pair(digits - 4), pair(digits - 2)];
  const time = new Date(0);
  time.setUTCFullYear(year, month - 1, day);
  time.setUTCHours(hour, minute, second);
  // the 31st of February is taken for the 2nd of March
  const isReal = time.getUTCMonth() === month - 1 && time.getUTCDate() === day;
  if (!isReal || hour > 23 || minute > 59 || second > 59)
    throw new DerError("the DER has a time that does not exist");
  return time;
}

function digit(octet = 0): number {
  if (octet < 0x30 || octet > 0x39) throw new DerError("the DER has a time that is not as RFC 5280 has them");
  return octet - 0x30;
}
