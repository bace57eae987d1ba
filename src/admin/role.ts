/** What somebody may do; each role includes the ones before it. */
export const roles = ["read", "operate", "admin"] as const;
export type Role = (typeof roles)[number];

export function includes(role: Role, wanted: Role): boolean {
  return roles.indexOf(role) >= roles.indexOf(wanted);
}
