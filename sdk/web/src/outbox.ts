import type { Presence } from "./presence";
import type { KeyStore } from "./storage";
import { warn } from "./warn";

const MAX_ITEMS = 1_000;
const MAX_BYTES = 2_000_000;

export interface Entry {
  key: string;
  json: string;
  bytes: number;
}

export interface Portion {
  maxItems: number;
  maxBytes: number;
  skip: ReadonlySet<string>;
}

const encoder = typeof TextEncoder === "function" ? new TextEncoder() : null;

export function byteLength(text: string): number {
  return encoder ? encoder.encode(text).length : text.length * 3;
}

/**
 * A persistent queue of JSON texts, shared by the tabs of an origin.
 *
 * Every item has its own key, so tabs cannot overwrite each other. An item belongs to the tab that wrote it while that
 * tab lives, and to every tab afterwards. The oldest items go when the queue is over its bounds.
 */
export class Outbox {
  private counter = 0;
  private readonly stuck = new Set<string>();

  constructor(
    private readonly store: KeyStore,
    private readonly kind: string,
    private readonly presence: Presence,
    private readonly maxItems = MAX_ITEMS,
    private readonly maxBytes = MAX_BYTES,
  ) {}

  push(json: string): void {
    const bytes = byteLength(json);
    this.makeRoom(bytes);
    // Keys sort by age: time, then a counter for items of one millisecond.
    const order = Date.now().toString(36).padStart(9, "0") + (this.counter++ % 46_656).toString(36).padStart(3, "0");
    this.store.set(`${this.kind}.${order}.${this.presence.tab}.${bytes}`, json);
  }

  /** The oldest items that this tab may send, at least one if there is any. */
  take({ maxItems, maxBytes, skip }: Portion): Entry[] {
    const taken: Entry[] = [];
    let total = 0;
    for (const key of this.keys()) {
      if (skip.has(key) || this.stuck.has(key) || !this.isOurs(key)) continue;
      const bytes = bytesOf(key);
      if (taken.length > 0 && (taken.length >= maxItems || total + bytes > maxBytes)) break;
      const json = this.store.get(key);
      if (json === null) continue;
      taken.push({ key, json, bytes });
      total += bytes + 1;
    }
    return taken;
  }

  remove(entries: readonly Entry[]): void {
    for (const { key } of entries) {
      this.store.remove(key);
      // Storage that has turned read-only must not make us send it for ever.
      if (this.store.get(key) !== null) this.stuck.add(key);
    }
  }

  private isOurs(key: string): boolean {
    const tab = tabOf(key);
    return tab === this.presence.tab || !this.presence.isAlive(tab);
  }

  private makeRoom(bytes: number): void {
    const keys = this.keys();
    let total = bytes;
    for (const key of keys) total += bytesOf(key);
    let dropped = 0;
    while (keys.length - dropped >= this.maxItems || (total > this.maxBytes && dropped < keys.length)) {
      const oldest = keys[dropped++]!;
      total -= bytesOf(oldest);
      this.store.remove(oldest);
    }
    if (dropped > 0) warn(`the queue is full: ${dropped} of the oldest items dropped`);
  }

  private keys(): string[] {
    return this.store.keys(`${this.kind}.`);
  }
}

function tabOf(key: string): string {
  return key.split(".")[2] ?? "";
}

function bytesOf(key: string): number {
  return Number(key.split(".")[3]) || 0;
}
