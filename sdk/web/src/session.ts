import { randomId } from "./ids";
import type { KeyStore } from "./storage";

const WRITE_EVERY_MS = 5_000;

interface Stored {
  id: string;
  activeAt: number;
}

/** The current session, the same in every tab; it ends after a gap without activity. */
export class Sessions {
  constructor(
    private readonly store: KeyStore,
    private readonly gapMs: number,
  ) {}

  /** Notes activity; `began` when that started a new session. */
  touch(now: number): { id: string; began: boolean } {
    const stored = this.read();
    // Activity "in the future" is a clock that was set back, not a session without end.
    if (stored && Math.abs(now - stored.activeAt) <= this.gapMs) {
      if (Math.abs(now - stored.activeAt) >= WRITE_EVERY_MS) this.write({ id: stored.id, activeAt: now });
      return { id: stored.id, began: false };
    }
    const id = randomId();
    this.write({ id, activeAt: now });
    return { id, began: true };
  }

  /** The latest session, also when it has ended; null before the first. */
  latestId(): string | null {
    return this.read()?.id ?? null;
  }

  end(): void {
    this.store.remove("session");
  }

  private read(): Stored | null {
    const stored = this.store.getObject<Partial<Stored>>("session");
    return stored && typeof stored.id === "string" && typeof stored.activeAt === "number" ? (stored as Stored) : null;
  }

  private write(session: Stored): void {
    this.store.setObject("session", session);
  }
}
