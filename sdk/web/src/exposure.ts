import type { MessageGate, OfferedMessage, Renderer } from "./api";
import { backoffMs } from "./backoff";
import { randomId } from "./ids";
import { drawModal } from "./modal";
import type { Moment } from "./moment";
import type { Decision, Report, ReportResult } from "./protocol";
import type { Outcome } from "./transport";
import { warn } from "./warn";

const TIMEOUT_MS = 10_000;

/** A decision on its way to the screen; plain data, so that it outlives a change of page. */
export interface Offer {
  decision: Decision;
  receivedAt: number;
  exposureId: string;
  anonymousId: string;
}

export interface Surroundings {
  moment: Moment;
  /** Post one report and say what came of it. */
  post: (body: string, timeoutMs: number) => Promise<Outcome>;
  /** Queue a report for sending until it is acknowledged. */
  queue: (report: Report) => void;
  /** Whether the offer is still for the person who uses the app. */
  isCurrent: (offer: Offer) => boolean;
  /** Keep the offer for the next page of this tab, or forget it. */
  keep: (offer: Offer | null) => void;
  nonce: string | undefined;
}

export function newOffer(decision: Decision, anonymousId: string, receivedAt: number): Offer {
  return { decision, receivedAt, exposureId: randomId(), anonymousId };
}

/**
 * Brings one decision to its end: gates, exposure, and for the treated arm the message.
 *
 * Both arms pass the same code up to the acknowledged `exposed`; the arm is first read after it. Nothing is drawn
 * without the acknowledgement.
 */
export class Exposure {
  gate: MessageGate | null = null;
  renderer: Renderer | null = null;
  private closeDrawn: (() => void) | null = null;

  constructor(private readonly around: Surroundings) {}

  /** Resolves when the slot is free again. */
  async run(offer: Offer): Promise<void> {
    const { moment, keep } = this.around;
    const deadline = offer.receivedAt + offer.decision.expires_in_ms;
    keep(offer);
    const passed = await this.passGates(offer, deadline);
    const exposed = passed && (await this.expose(offer, deadline));
    if (!exposed || offer.decision.arm !== "treatment") return keep(null);
    // The answer took its time: a person who has begun to type meanwhile finishes first.
    const good = await moment.until(() => moment.isGood() || !this.around.isCurrent(offer), deadline);
    keep(null);
    if (good && this.around.isCurrent(offer)) await this.show(offer);
  }

  /** The message belongs to a person who has gone: take it off the screen. */
  withdraw(): void {
    this.closeDrawn?.();
    this.around.moment.changed();
  }

  private async passGates(offer: Offer, deadline: number): Promise<boolean> {
    const { moment, isCurrent } = this.around;
    const { decision } = offer;
    const withdrawn = () => !isCurrent(offer);
    const showAt = offer.receivedAt + Math.max(0, decision.delay_ms || 0);
    const pass = (ready: () => boolean, at?: number) => moment.until(() => ready() || withdrawn(), deadline, at);
    const passes =
      this.canDraw(decision) &&
      (await pass(() => !moment.isPaused)) &&
      (await pass(() => Date.now() >= showAt, showAt)) &&
      (await pass(() => moment.isGood())) &&
      !withdrawn() &&
      (await this.gateAgrees(offer, deadline)) &&
      // The hook may have taken a while.
      (await pass(() => moment.isGood())) &&
      Date.now() < deadline &&
      !withdrawn();
    if (!passes) this.report(offer, "released");
    return passes;
  }

  private canDraw(decision: Decision): boolean {
    const known = Boolean(decision.message) && (this.renderer !== null || decision.message.template === "modal");
    if (!known) warn(`a message of the unknown template "${decision.message?.template}" is not shown`);
    return known;
  }

  private async gateAgrees(offer: Offer, deadline: number): Promise<boolean> {
    if (!this.gate) return true;
    try {
      let answered = false;
      const answer = Promise.resolve(this.gate(offeredBy(offer))).finally(() => (answered = true));
      // A hook that never answers must not hold the slot for ever.
      const over = () => answered || !this.around.isCurrent(offer);
      const late = this.around.moment.until(over, deadline).then(() => answered && answer);
      return (await Promise.race([answer, late])) !== false;
    } catch (error) {
      warn("onMessage failed; the message is not shown", error);
      return false;
    }
  }

  /** Asks for the acknowledgement, again after network failures, always under the same exposure id. */
  private async expose(offer: Offer, deadline: number): Promise<boolean> {
    const body = JSON.stringify({ reports: [this.make(offer, "exposed")] });
    for (let failures = 1; ; failures++) {
      const outcome = await this.around.post(body, Math.min(TIMEOUT_MS, Math.max(1, deadline - Date.now())));
      if (outcome.kind === "ok") {
        const results = outcome.body.results;
        const result = (Array.isArray(results) ? results[0] : undefined) as ReportResult | undefined;
        return result?.accepted === true;
      }
      if (outcome.kind === "refused") {
        warn(`a message was not acknowledged: ${outcome.reason}`);
        return false;
      }
      const retryAt = Date.now() + Math.max(backoffMs(failures), outcome.afterMs);
      let online = false;
      const onOnline = () => (online = true);
      addEventListener("online", onOnline);
      const mayAsk = () => Date.now() >= retryAt || (online && outcome.afterMs === 0);
      // The exposure is the instant of drawing: the moment must be good again.
      const due = () => (mayAsk() && this.around.moment.isGood()) || !this.around.isCurrent(offer);
      await this.around.moment.until(due, deadline, Math.min(retryAt, deadline));
      removeEventListener("online", onOnline);
      if (Date.now() >= deadline || !this.around.isCurrent(offer)) {
        this.report(offer, "released");
        return false;
      }
    }
  }

  private show(offer: Offer): Promise<void> {
    return new Promise((resolve) => {
      let over = false;
      const end = (type?: "clicked" | "dismissed", button?: number) => {
        if (over) return;
        over = true;
        this.closeDrawn = null;
        if (type) this.report(offer, type, button);
        resolve();
      };
      try {
        this.draw(offer, end);
      } catch (error) {
        warn("the message could not be drawn", error);
        end();
      }
    });
  }

  private draw(offer: Offer, end: (type?: "clicked" | "dismissed", button?: number) => void): void {
    if (this.renderer) {
      const failed = (error: unknown) => {
        warn("the render hook failed", error);
        end();
      };
      const rendering = { clicked: (button: number) => end("clicked", button), dismissed: () => end("dismissed") };
      this.closeDrawn = () => end();
      const drawing = this.renderer(offeredBy(offer), rendering);
      void Promise.resolve(drawing).then(() => this.report(offer, "rendered"), failed);
      return;
    }
    const events = {
      onClick: (button: number) => end("clicked", button),
      onDismiss: (button?: number) => end("dismissed", button),
    };
    const modal = drawModal(offer.decision.message, events, this.around.nonce);
    this.closeDrawn = () => {
      modal.close();
      end("dismissed");
    };
    this.report(offer, "rendered");
  }

  private report(offer: Offer, type: Report["type"], button?: number): void {
    this.around.queue(this.make(offer, type, button));
  }

  private make(offer: Offer, type: Report["type"], button?: number): Report {
    const report: Report = {
      decision_id: offer.decision.decision_id,
      type,
      exposure_id: offer.exposureId,
      occurred_at: new Date().toISOString(),
    };
    return button === undefined ? report : { ...report, button };
  }
}

function offeredBy({ decision }: Offer): OfferedMessage {
  // A copy: what a hook changes must not reach the other arm's twin of this message, nor what is drawn.
  const message = JSON.parse(JSON.stringify(decision.message)) as OfferedMessage["message"];
  return { campaignId: decision.campaign_id, variant: decision.variant, message };
}
