import { backoffMs } from "./backoff";
import type { Entry, Outbox } from "./outbox";
import { KEEPALIVE_BYTES, type Outcome } from "./transport";
import { warn } from "./warn";

const MAX_ITEMS = 100;
// Room for the envelope around the items.
const MAX_BYTES = KEEPALIVE_BYTES - 500;

export interface Delivery {
  outbox: Outbox;
  /** What to call the items in a warning. */
  noun: string;
  post: (entries: readonly Entry[]) => Promise<Outcome>;
  onConfirmed?: (entries: readonly Entry[], body: Record<string, unknown>) => void;
}

/**
 * Empties an outbox: an item stays in it until the server has answered 200 or has refused it for good.
 *
 * One batch is under way at a time, except when the page is being left. After a failure it waits, longer each time and
 * at least as long as the server's Retry-After.
 */
export class Sender {
  private readonly inFlight = new Set<string>();
  private timer: ReturnType<typeof setTimeout> | undefined;
  private timerAt = Infinity;
  private running: Promise<void> | null = null;
  private failures = 0;
  private backoffUntil = 0;
  private forbiddenUntil = 0;

  constructor(private readonly delivery: Delivery) {}

  /** Send in so many milliseconds, or as soon after that as a back-off allows. */
  wake(inMs: number): void {
    const at = Math.max(Date.now() + inMs, this.backoffUntil, this.forbiddenUntil);
    if (at >= this.timerAt) return;
    clearTimeout(this.timer);
    this.timerAt = at;
    this.timer = setTimeout(() => {
      this.timerAt = Infinity;
      // A failure may have begun a back-off since this was set.
      if (Date.now() < Math.max(this.backoffUntil, this.forbiddenUntil)) this.wake(0);
      else void this.drain();
    }, at - Date.now());
  }

  /** Send now, whatever the back-off; only a Retry-After of the server is respected. */
  flush(): Promise<void> {
    this.backoffUntil = 0;
    if (Date.now() < this.forbiddenUntil) {
      this.wake(0);
      return Promise.resolve();
    }
    return this.drain();
  }

  /** The page may be gone in a moment: send without waiting for a batch that is under way. */
  hurry(): void {
    if (Date.now() < this.forbiddenUntil) return;
    // One batch: browsers let no more than that outlive the page. The rest waits for the next page.
    const entries = this.take();
    if (entries.length > 0) void this.deliver(entries);
  }

  private drain(): Promise<void> {
    this.running ??= this.sendAll().finally(() => {
      this.running = null;
    });
    return this.running;
  }

  private async sendAll(): Promise<void> {
    for (let entries = this.take(); entries.length > 0; entries = this.take()) {
      if (!(await this.deliver(entries))) return;
    }
  }

  private take(): Entry[] {
    return this.delivery.outbox.take({ maxItems: MAX_ITEMS, maxBytes: MAX_BYTES, skip: this.inFlight });
  }

  private async deliver(entries: readonly Entry[]): Promise<boolean> {
    const { outbox, noun, post, onConfirmed } = this.delivery;
    for (const { key } of entries) this.inFlight.add(key);
    const outcome = await post(entries);
    for (const { key } of entries) this.inFlight.delete(key);
    if (outcome.kind === "retry") {
      this.failures += 1;
      this.backoffUntil = Date.now() + backoffMs(this.failures);
      this.forbiddenUntil = Date.now() + outcome.afterMs;
      this.wake(0);
      return false;
    }
    this.failures = this.backoffUntil = this.forbiddenUntil = 0;
    outbox.remove(entries);
    if (outcome.kind === "ok") onConfirmed?.(entries, outcome.body);
    else warn(`${entries.length} ${noun} refused and dropped: ${outcome.reason}`);
    return true;
  }
}
