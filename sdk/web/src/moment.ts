import { isTyping } from "./focus";
import { LONGEST_TIMER_MS } from "./protocol";

// Some changes make no event (a focused field that is removed): look again this often.
const LOOK_EVERY_MS = 500;

export function isVisible(): boolean {
  return document.visibilityState === "visible";
}

/** Whether messages may be shown at this instant: not paused, in view, nobody typing, nothing withdrawn. */
export class Moment {
  private paused = false;
  private readonly waiting = new Set<() => void>();

  constructor(private readonly onChange: () => void) {}

  get isPaused(): boolean {
    return this.paused;
  }

  pause(): void {
    this.paused = true;
  }

  resume(): void {
    this.paused = false;
    this.changed();
  }

  /** Something that waits here may have become possible or pointless. */
  changed(): void {
    for (const look of [...this.waiting]) look();
    this.onChange();
  }

  /**
   * Waits until `ready` holds (true) or the deadline has come (false).
   *
   * Looks at once, at each change, now and then, and exactly at the instant `at` if one is given.
   */
  until(ready: () => boolean, deadline: number, at: number = deadline): Promise<boolean> {
    return new Promise((resolve) => {
      let timer: ReturnType<typeof setInterval> | undefined;
      let alarm: ReturnType<typeof setTimeout> | undefined;
      const look = () => {
        const holds = ready();
        if (!holds && Date.now() < deadline) return;
        clearInterval(timer);
        clearTimeout(alarm);
        this.waiting.delete(look);
        document.removeEventListener("visibilitychange", look);
        document.removeEventListener("focusout", lookSoon, true);
        resolve(holds);
      };
      // While focusout runs the next element has not got the focus yet.
      const lookSoon = () => setTimeout(look, 0);
      this.waiting.add(look);
      document.addEventListener("visibilitychange", look);
      document.addEventListener("focusout", lookSoon, true);
      timer = setInterval(look, LOOK_EVERY_MS);
      alarm = setTimeout(look, Math.min(Math.max(0, at - Date.now()), LONGEST_TIMER_MS));
      look();
    });
  }

  /** Nothing speaks against showing a message now. */
  isGood(): boolean {
    return !this.paused && isVisible() && !isTyping();
  }
}
