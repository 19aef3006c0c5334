/** SENTRY_DSN: `https://public_key@host/path/project`, of Sentry and of what speaks its protocol. */
export interface Dsn {
  /** Where envelopes are posted. */
  url: string;
  publicKey: string;
  /** Only very old keys have one. */
  secretKey: string | undefined;
  host: string;
}

export function parseDsn(text: string): Dsn | { problem: string } {
  const form = "It looks like https://<public key>@<host>/<project>.";
  if (!URL.canParse(text)) return { problem: `SENTRY_DSN is no address. ${form}` };
  const url = new URL(text);
  if (url.protocol !== "https:" && url.protocol !== "http:") {
    return { problem: `SENTRY_DSN begins with ${url.protocol}, not with https:. ${form}` };
  }
  if (!/^[\w%.-]+$/.test(url.username)) {
    return { problem: `SENTRY_DSN has no public key before the @. ${form}` };
  }
  const match = /^(.*)\/([\w-]+)\/?$/.exec(url.pathname);
  if (match === null) return { problem: `SENTRY_DSN names no project at its end. ${form}` };
  const [, path, project] = match;
  return {
    url: `${url.protocol}//${url.host}${path}/api/${project}/envelope/`,
    publicKey: url.username,
    secretKey: url.password === "" ? undefined : url.password,
    host: url.host,
  };
}
