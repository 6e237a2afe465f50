/** The browser's storage if it can be written, else null (blocked cookies, sandboxed frames, full disks). */
export function openStorage(name: "localStorage" | "sessionStorage"): Storage | null {
  try {
    const storage = window[name];
    const probe = "nunchi.probe";
    storage.setItem(probe, "1");
    storage.removeItem(probe);
    return storage;
  } catch {
    return null;
  }
}

/**
 * Keys under one prefix, in the browser's storage where that works and in memory where it does not.
 *
 * A value that storage refuses (quota) is kept in memory under the same key, so that callers never see the difference
 * before the page is left.
 */
export class KeyStore {
  private readonly memory = new Map<string, string>();

  constructor(
    private readonly durable: Storage | null,
    private readonly prefix: string,
  ) {}

  get(key: string): string | null {
    const held = this.memory.get(key);
    if (held !== undefined) return held;
    try {
      return this.durable?.getItem(this.prefix + key) ?? null;
    } catch {
      return null;
    }
  }

  set(key: string, value: string): void {
    try {
      if (this.durable) {
        this.durable.setItem(this.prefix + key, value);
        this.memory.delete(key);
        return;
      }
    } catch {
      // Refused: memory holds it.
    }
    this.memory.set(key, value);
  }

  remove(key: string): void {
    this.memory.delete(key);
    try {
      this.durable?.removeItem(this.prefix + key);
    } catch {
      // Gone or unreachable: nothing to remove.
    }
  }

  /** Keys that begin so, sorted. */
  keys(beginning: string): string[] {
    const found = new Set<string>();
    for (const key of this.memory.keys()) if (key.startsWith(beginning)) found.add(key);
    try {
      if (this.durable) {
        const full = this.prefix + beginning;
        for (let i = 0; i < this.durable.length; i++) {
          const key = this.durable.key(i);
          if (key?.startsWith(full)) found.add(key.slice(this.prefix.length));
        }
      }
    } catch {
      // Unreachable: what memory holds is all there is.
    }
    return [...found].sort();
  }

  /** A stored JSON object, or null when absent or not an object. */
  getObject<T extends object>(key: string): T | null {
    try {
      const value: unknown = JSON.parse(this.get(key) ?? "null");
      return value !== null && typeof value === "object" ? (value as T) : null;
    } catch {
      return null;
    }
  }

  setObject(key: string, value: object): void {
    this.set(key, JSON.stringify(value));
  }
}
