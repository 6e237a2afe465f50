import { retryAfterMs } from "./backoff";
import { byteLength } from "./outbox";

// Browsers refuse keepalive requests beyond 64 KiB in flight; the rest is left for the app's own.
export const KEEPALIVE_BYTES = 60_000;

/** What came of a request: `refused` will not get better by repeating it. */
export type Outcome =
  | { kind: "ok"; body: Record<string, unknown> }
  | { kind: "retry"; reason: string; afterMs: number }
  | { kind: "refused"; reason: string };

/** Posts JSON to the Nunchi server. Never throws; says whether repeating makes sense. */
export class Transport {
  private keepaliveBytes = 0;
  private readonly base: string;
  private readonly authorization: string;

  constructor(endpoint: string, writeKey: string) {
    this.base = endpoint.replace(/\/+$/, "");
    this.authorization = `Basic ${btoa(`${writeKey}:`)}`;
  }

  async post(path: string, body: string, timeoutMs: number): Promise<Outcome> {
    const bytes = byteLength(body);
    const keepalive = this.keepaliveBytes + bytes <= KEEPALIVE_BYTES;
    if (keepalive) this.keepaliveBytes += bytes;
    const abort = new AbortController();
    const timer = setTimeout(() => abort.abort(), timeoutMs);
    try {
      const response = await fetch(this.base + path, {
        method: "POST",
        headers: { Authorization: this.authorization, "Content-Type": "application/json" },
        body,
        keepalive,
        credentials: "omit",
        mode: "cors",
        cache: "no-store",
        signal: abort.signal,
      });
      return await outcomeOf(response);
    } catch (error) {
      return { kind: "retry", reason: String(error), afterMs: 0 };
    } finally {
      clearTimeout(timer);
      if (keepalive) this.keepaliveBytes -= bytes;
    }
  }
}

async function outcomeOf(response: Response): Promise<Outcome> {
  const { status } = response;
  const text = await response.text();
  const body = parseObject(text);
  // A 200 that is not ours (a proxy's page) confirms nothing.
  if (status === 200 && body) return { kind: "ok", body };
  const reason = `${status} ${typeof body?.message === "string" ? body.message : ""}`.trim();
  if (status >= 400 && status < 500 && ![408, 410, 429, 460].includes(status)) return { kind: "refused", reason };
  return { kind: "retry", reason, afterMs: retryAfterMs(response.headers.get("Retry-After")) };
}

function parseObject(text: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(text);
    return value !== null && typeof value === "object" ? (value as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}
