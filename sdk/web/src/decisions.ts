import { backoffMs } from "./backoff";
import type { Exposure, Offer } from "./exposure";
import { newOffer } from "./exposure";
import { type Moment, isVisible } from "./moment";
import { type DecideAnswer, LONGEST_TIMER_MS } from "./protocol";
import type { KeyStore } from "./storage";
import type { Outcome } from "./transport";
import { warn } from "./warn";

const TIMEOUT_MS = 10_000;
/** As long as the longest trigger life of a campaign: the server decides which are live and which were used. */
const TRIGGER_LIFE_MS = 86_400_000;
const MAX_TRIGGERS = 50;
const SOONEST_CHECK_MS = 1_000;

/** A confirmed event of the app, named in every question: what a gap or cap stops now may be shown later. */
interface Trigger {
  id: string;
  opens: boolean;
  confirmedAt: number;
}

/** The person's part of what is asked. */
export interface Question {
  anonymousId: string;
  userId?: string;
  userIdSignature?: string;
  sessionId: string;
  context: object;
}

export interface Asking {
  moment: Moment;
  exposure: Exposure;
  /** This tab's storage: triggers outlive a change of page. */
  store: KeyStore;
  post: (body: string, timeoutMs: number) => Promise<Outcome>;
  question: () => Question;
  isCurrent: (anonymousId: string) => boolean;
}

/**
 * Asks the server what to show.
 *
 * One question at a time; none while a message is on its way or on the screen, while paused, or while the page is
 * hidden: a wish to ask is remembered and carried out when that has passed.
 */
export class Decisions {
  hasAsked = false;
  private wanted = false;
  private busy = false;
  private failures = 0;
  private notBefore = 0;
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly asking: Asking) {}

  /** The server has stored these events: they may trigger a message. */
  confirm(events: readonly { id: string; opens: boolean }[]): void {
    if (events.length === 0) return;
    const confirmedAt = Date.now();
    // A resend is confirmed twice; it is named once.
    const byId = new Map(this.triggers().map((trigger) => [trigger.id, trigger]));
    for (const event of events) byId.set(event.id, { ...event, confirmedAt });
    this.save([...byId.values()].slice(-MAX_TRIGGERS));
    this.want();
  }

  want(): void {
    this.wanted = true;
    this.pump();
  }

  /** Carry out a remembered wish, if nothing stands against it now. */
  pump(): void {
    if (!this.wanted || this.busy || this.asking.moment.isPaused || !isVisible()) return;
    const tooEarlyMs = this.notBefore - Date.now();
    if (tooEarlyMs > 0) return this.askIn(tooEarlyMs);
    this.wanted = false;
    this.hasAsked = true;
    void this.occupy(() => this.ask());
  }

  /** Take up an offer that an earlier page of this tab received. */
  continueWith(offer: Offer): void {
    void this.occupy(() => this.asking.exposure.run(offer));
  }

  /** Another person uses the app: what triggered for the former one is void. */
  forget(): void {
    this.save([]);
    clearTimeout(this.timer);
  }

  private async occupy(work: () => Promise<void>): Promise<void> {
    this.busy = true;
    try {
      await work();
    } catch (error) {
      warn("unexpected", error);
    }
    this.busy = false;
    this.pump();
  }

  private async ask(): Promise<void> {
    const { post, question, isCurrent, exposure } = this.asking;
    clearTimeout(this.timer);
    const triggers = this.triggers();
    const asked = question();
    const body = { ...asked, triggers: triggers.map(({ id }) => id), open: triggers.some(({ opens }) => opens) };
    const outcome = await post(JSON.stringify(body), TIMEOUT_MS);
    if (outcome.kind === "retry") {
      const waitMs = Math.max(backoffMs(++this.failures), outcome.afterMs);
      this.notBefore = Date.now() + waitMs;
      return this.askIn(waitMs);
    }
    this.failures = 0;
    if (outcome.kind === "refused") return warn(`no decision: ${outcome.reason}`);
    const { decision, next_check_in_ms: nextCheck } = outcome.body as unknown as DecideAnswer;
    const asksAgain = typeof nextCheck === "number" && isCurrent(asked.anonymousId);
    if (asksAgain) this.askIn(Math.max(nextCheck, SOONEST_CHECK_MS));
    // An offer for a person who left while the answer was on its way is run all the same: its gates release it.
    if (decision) await exposure.run(newOffer(decision, asked.anonymousId, Date.now()));
  }

  private askIn(ms: number): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.want(), Math.min(Math.ceil(ms), LONGEST_TIMER_MS));
  }

  private triggers(): Trigger[] {
    const stored = this.asking.store.getObject<Trigger[]>("triggers");
    const since = Date.now() - TRIGGER_LIFE_MS;
    return Array.isArray(stored) ? stored.filter(({ confirmedAt }) => confirmedAt > since) : [];
  }

  private save(triggers: Trigger[]): void {
    if (triggers.length > 0) this.asking.store.setObject("triggers", triggers as object);
    else this.asking.store.remove("triggers");
  }
}
