import { randomId } from "./ids";
import type { KeyStore } from "./storage";

const BEAT_MS = 20_000;
// Browsers let a background tab's timers run once a minute: a living tab is never silent for longer than that.
const SILENT_MS = 150_000;

/**
 * Which tabs of this origin are alive.
 *
 * A tab that is left says so; one that was killed is believed dead when it has been silent for 150 s. Believing a
 * living tab dead is harmless: its items are then sent twice under the same message ids.
 */
export class Presence {
  readonly tab = randomId().slice(0, 8);
  private timer: ReturnType<typeof setInterval> | undefined;

  constructor(
    private readonly store: KeyStore,
    private readonly onBeat: () => void,
  ) {}

  enter(): void {
    this.beat();
    clearInterval(this.timer);
    this.timer = setInterval(() => {
      this.beat();
      this.onBeat();
    }, BEAT_MS);
  }

  leave(): void {
    clearInterval(this.timer);
    this.store.remove(`tab.${this.tab}`);
  }

  isAlive(tab: string): boolean {
    if (tab === this.tab) return true;
    const seenAt = Number(this.store.get(`tab.${tab}`));
    return seenAt > 0 && Math.abs(Date.now() - seenAt) < SILENT_MS;
  }

  private beat(): void {
    this.store.set(`tab.${this.tab}`, String(Date.now()));
    for (const key of this.store.keys("tab.")) if (!this.isAlive(key.slice(4))) this.store.remove(key);
  }
}
