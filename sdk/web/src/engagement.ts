const USE_LASTS_MS = 30_000;
const REPORT_EVERY_MS = 20_000;
const LEAST_SECONDS = 1;
const SIGNS_OF_USE = ["pointerdown", "pointermove", "keydown", "wheel", "scroll", "touchstart", "touchmove"];

export type EngagedReport = (seconds: number, until: number) => void;

/**
 * Engaged time: when the page was visible and used within the last 30 seconds.
 *
 * Computed from the instants of use, not by counting ticks: throttled timers and a sleeping computer change nothing.
 */
export class Engagement {
  private usedAt = 0;
  private countedUntil = 0;
  private engagedMs = 0;
  private engagedUntil = 0;
  private visible = false;
  private timer: ReturnType<typeof setInterval> | undefined;

  constructor(
    private readonly report: EngagedReport,
    private readonly onUse: () => void,
  ) {}

  listen(): void {
    const options = { capture: true, passive: true };
    for (const name of SIGNS_OF_USE) document.addEventListener(name, () => this.use(), options);
  }

  /** The page came into view: that is use. */
  show(): void {
    if (this.visible) return;
    this.visible = true;
    this.countedUntil = this.usedAt = Date.now();
    this.timer = setInterval(() => this.flush(), REPORT_EVERY_MS);
  }

  /** The page left the view. */
  hide(): void {
    this.flush();
    this.visible = false;
    clearInterval(this.timer);
  }

  /** Report what has gathered; less than a second waits for more. */
  flush(): void {
    this.settle(Date.now());
    const seconds = Math.floor(this.engagedMs / 100) / 10;
    if (seconds < LEAST_SECONDS) return;
    this.engagedMs -= seconds * 1_000;
    this.report(seconds, this.engagedUntil);
  }

  private use(): void {
    const now = Date.now();
    if (!this.visible || (now >= this.usedAt && now - this.usedAt < 1_000)) return;
    this.settle(now);
    this.usedAt = now;
    this.onUse();
  }

  private settle(now: number): void {
    if (!this.visible) return;
    const until = Math.min(now, this.usedAt + USE_LASTS_MS);
    if (until > this.countedUntil) {
      this.engagedMs += until - this.countedUntil;
      this.engagedUntil = until;
    }
    this.countedUntil = now;
  }
}
