import type { Certified } from "../pki/dev-ca.ts";
import { readAuthority } from "../pki/store.ts";
import { CliError, exit } from "./cli-error.ts";

/** @throws CliError when there is none, or it has ended */
export async function openAuthority(dir: string): Promise<Certified> {
  const remedy = `equilibria-tunnel certs init${dir === "certs" ? "" : ` --dir ${dir}`}`;
  const authority = await readAuthority(dir).catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === "ENOENT")
      throw new CliError(exit.noInput, `no CA in ${dir} (${cause.path}), create it with: ${remedy}`, {
        cause,
      });
    if (cause.code === "EACCES") throw new CliError(exit.noPermission, cause.message, { cause });
    throw new CliError(exit.failed, cause.message, { cause });
  });
  if (authority.certificate.validToDate.getTime() <= Date.now())
    throw new CliError(
      exit.failed,
      `the CA in ${dir} ended on ${endOf(authority)}, make a new one with: ${remedy} --force`,
    );
  return authority;
}

/** Says why a file could not be written, and what follows from replacing it. */
export function cannotWrite(cause: NodeJS.ErrnoException, consequence: string): Error {
  switch (cause.code) {
    case undefined:
      return cause;
    case "EEXIST":
      return new CliError(
        exit.cannotCreate,
        `${cause.path} exists already, replace it with --force${consequence}`,
        { cause },
      );
    case "EACCES":
    case "EPERM":
      return new CliError(exit.noPermission, `cannot write: ${cause.message}`, { cause });
    default:
      return new CliError(exit.cannotCreate, `cannot write: ${cause.message}`, { cause });
  }
}

export function endOf({ certificate }: Certified): string {
  return certificate.validToDate.toISOString().slice(0, 10);
}
