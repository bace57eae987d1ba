export type Environment = Readonly<Record<string, string | undefined>>;

export interface Substitution {
  readonly text: string;
  readonly problems: readonly string[];
}

/** Replaces `${NAME}` and `${NAME:-default}` (when unset or empty, as in a shell); `$${` stands for a literal `${`. */
export function substitute(text: string, env: Environment): Substitution {
  const problems: string[] = [];
  const replaced = text.replace(/\$\$\{|\$\{([^}]*)(\}?)/g, (whole, inside?: string, close?: string) => {
    if (inside === undefined) return "${";
    const [, name, fallback] = /^([A-Za-z_][A-Za-z0-9_]*)(?::-(.*))?$/s.exec(inside) ?? [];
    if (close === "")
      problems.push(`${JSON.stringify(whole)} has no closing brace; write $\${ for a literal \${`);
    else if (name === undefined)
      problems.push(
        `${JSON.stringify(whole)} is no substitution; write \${NAME} or \${NAME:-default}, or $\${ for a literal \${`,
      );
    else {
      const value = Object.hasOwn(env, name) ? env[name] : undefined;
      if (value !== undefined && (value !== "" || fallback === undefined)) return value;
      if (fallback !== undefined) return fallback;
      problems.push(`the environment variable ${name} is not set; set it, or write \${${name}:-default}`);
    }
    return whole;
  });
  return { text: replaced, problems };
}

/** What an unquoted scalar means (YAML 1.2 core schema): only numbers and booleans, never structure. */
export function resolvePlain(text: string): string | number | boolean {
  if (/^(true|True|TRUE)$/.test(text)) return true;
  if (/^(false|False|FALSE)$/.test(text)) return false;
  if (/^0o[0-7]+$|^0x[0-9a-fA-F]+$/.test(text)) return Number(text);
  if (/^[-+]?(\.\d+|\d+(\.\d*)?)([eE][-+]?\d+)?$/.test(text)) return Number(text);
  return text;
}
