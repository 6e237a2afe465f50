import type { InitOptions, MessageGate, Person, Properties, Renderer } from "./api";
import { itemContext, pageContext } from "./context";
import { Decisions, type Question } from "./decisions";
import { Engagement } from "./engagement";
import { Exposure, type Offer } from "./exposure";
import { Identity } from "./identity";
import { randomId } from "./ids";
import { Moment, isVisible } from "./moment";
import { Outbox, byteLength } from "./outbox";
import { Presence } from "./presence";
import type { Item, Report } from "./protocol";
import { Sender } from "./sender";
import { Sessions } from "./session";
import { KeyStore } from "./storage";
import { Transport } from "./transport";
import { warn } from "./warn";

// Long enough to gather what one click does, short enough for a message to feel like an answer.
const GATHER_MS = 100;
const POST_TIMEOUT_MS = 30_000;
const MAX_ITEM_BYTES = 128_000;

export interface Environment {
  local: Storage | null;
  tab: Storage | null;
  nonce: string | undefined;
}

/** One running SDK: wires the parts to the page. Made by `init`. */
export class Client {
  private readonly store: KeyStore;
  private readonly tabStore: KeyStore;
  private readonly presence: Presence;
  private readonly identity: Identity;
  private readonly sessions: Sessions;
  private readonly engagement: Engagement;
  private readonly reportsOutbox: Outbox;
  private readonly eventsOutbox: Outbox;
  private readonly events: Sender;
  private readonly reports: Sender;
  private readonly moment: Moment;
  private readonly exposure: Exposure;
  private readonly decisions: Decisions;

  constructor(
    private readonly options: InitOptions,
    environment: Environment,
  ) {
    const transport = new Transport(options.endpoint, options.writeKey);
    const prefix = `nunchi.${options.writeKey}.`;
    this.store = new KeyStore(environment.local, prefix);
    this.tabStore = new KeyStore(environment.tab, prefix);
    this.presence = new Presence(this.store, () => this.wake());
    this.identity = new Identity(this.store);
    this.sessions = new Sessions(this.store, (options.sessionMinutes || 30) * 60_000);
    this.engagement = new Engagement(
      (seconds, until) => this.recordEngaged(seconds, until),
      () => this.beginSession(),
    );
    this.eventsOutbox = new Outbox(this.store, "e", this.presence);
    this.reportsOutbox = new Outbox(this.store, "r", this.presence);
    this.events = new Sender({
      outbox: this.eventsOutbox,
      noun: "events",
      post: (entries) => {
        const items = entries.map(({ json }) => json).join(",");
        return transport.post("/v1/batch", `{"batch":[${items}],"sentAt":"${now()}"}`, POST_TIMEOUT_MS);
      },
      onConfirmed: (entries, body) => this.confirmed(entries.map(({ json }) => JSON.parse(json) as Item), body),
    });
    this.reports = new Sender({
      outbox: this.reportsOutbox,
      noun: "reports",
      post: (entries) => {
        const items = entries.map(({ json }) => json).join(",");
        return transport.post("/v1/reports", `{"reports":[${items}]}`, POST_TIMEOUT_MS);
      },
    });
    const isCurrent = (anonymousId: string) => this.identity.current().anonymousId === anonymousId;
    this.moment = new Moment(() => this.decisions.pump());
    this.exposure = new Exposure({
      moment: this.moment,
      post: (body, timeoutMs) => transport.post("/v1/reports", body, timeoutMs),
      queue: (report) => this.queueReport(report),
      isCurrent: (offer) => isCurrent(offer.anonymousId),
      keep: (offer) => this.keepOffer(offer),
      nonce: environment.nonce,
    });
    this.decisions = new Decisions({
      moment: this.moment,
      exposure: this.exposure,
      store: this.tabStore,
      post: (body, timeoutMs) => transport.post("/v1/decide", body, timeoutMs),
      question: () => this.question(),
      isCurrent,
    });
  }

  start(): void {
    const kept = this.tabStore.getObject<Offer & { tab: string }>("offer");
    // A duplicated tab inherits this storage: the offer is the other tab's while that one lives.
    const offer = kept && !this.presence.isAlive(kept.tab) ? kept : null;
    this.presence.enter();
    this.listen();
    if (offer) this.decisions.continueWith(offer);
    if (isVisible()) this.shown();
    // After the calls that were made before `init`, which follow at once.
    void Promise.resolve().then(() => this.firstQuestion());
  }

  identify(userId: string | null, traits: Properties, signature?: string): void {
    if (userId !== null && ![null, userId].includes(this.identity.current().userId)) this.engagement.flush();
    if (this.identity.identify(userId, traits, signature)) this.personChanged();
    this.record("identify", { traits });
  }

  track(event: string, properties: Properties): void {
    this.record("track", { event, properties });
  }

  page(name: string | undefined, properties: Properties): void {
    this.record("page", { ...(name ? { name } : {}), properties: { ...pageContext(), ...properties } });
  }

  reset(): void {
    this.engagement.flush();
    this.identity.reset();
    this.personChanged();
    if (isVisible()) this.beginSession();
  }

  pause(): void {
    this.moment.pause();
  }

  resume(): void {
    this.moment.resume();
  }

  onMessage(gate: MessageGate | null): void {
    this.exposure.gate = gate;
  }

  render(renderer: Renderer | null): void {
    this.exposure.renderer = renderer;
  }

  async flush(): Promise<void> {
    await Promise.all([this.events.flush(), this.reports.flush()]);
  }

  person(): Person {
    const { anonymousId, userId, traits } = this.identity.current();
    return { anonymousId, userId, traits: JSON.parse(JSON.stringify(traits)) as Properties };
  }

  private listen(): void {
    this.engagement.listen();
    document.addEventListener("visibilitychange", () => (isVisible() ? this.shown() : this.hidden()));
    addEventListener("pagehide", () => {
      this.hidden();
      this.presence.leave();
    });
    addEventListener("pageshow", (event) => {
      if (!event.persisted) return;
      this.presence.enter();
      if (isVisible()) this.shown();
    });
    addEventListener("online", () => {
      void this.flush();
      this.decisions.want();
    });
  }

  private shown(): void {
    this.beginSession();
    this.engagement.show();
    this.wake();
    if (this.decisions.hasAsked) this.decisions.want();
    else this.decisions.pump();
  }

  private hidden(): void {
    this.engagement.hide();
    this.events.hurry();
    this.reports.hurry();
  }

  private wake(): void {
    this.events.wake(GATHER_MS);
    this.reports.wake(GATHER_MS);
  }

  /** What is queued may trigger something: it goes first. */
  private async firstQuestion(): Promise<void> {
    await this.flush();
    if (!this.decisions.hasAsked) this.decisions.want();
  }

  private personChanged(): void {
    this.sessions.end();
    this.decisions.forget();
    this.exposure.withdraw();
  }

  private beginSession(): string {
    const session = this.sessions.touch(Date.now());
    if (session.began) this.enqueue("track", { event: "app_opened", properties: {} }, session.id, now());
    return session.id;
  }

  private record(type: Item["type"], fields: Partial<Item>): void {
    this.enqueue(type, fields, this.beginSession(), now());
  }

  private recordEngaged(seconds: number, until: number): void {
    // Told afterwards: it belongs to the session that was, and must not begin another.
    const sessionId = this.sessions.latestId() ?? this.beginSession();
    const fields = { event: "session_engaged", properties: { seconds } };
    this.enqueue("track", fields, sessionId, new Date(until).toISOString());
  }

  private enqueue(type: Item["type"], fields: Partial<Item>, sessionId: string, timestamp: string): void {
    const { anonymousId, userId } = this.identity.current();
    const item: Item = {
      type,
      messageId: randomId(),
      timestamp,
      anonymousId,
      ...(userId === null ? {} : { userId }),
      ...fields,
      context: { ...itemContext(sessionId, this.options.locale), ...this.proof() },
    };
    const json = JSON.stringify(item);
    if (byteLength(json) > MAX_ITEM_BYTES) return warn(`"${item.event ?? type}" is larger than 128 KB and was dropped`);
    this.eventsOutbox.push(json);
    this.events.wake(GATHER_MS);
  }

  private confirmed(items: readonly Item[], body: Record<string, unknown>): void {
    const rejected = Array.isArray(body.rejected) ? (body.rejected as { index?: number }[]) : [];
    if (rejected.length > 0) warn("the server rejected items", rejected);
    const bad = new Set(rejected.map(({ index }) => index));
    const { anonymousId } = this.identity.current();
    const ours = items.filter((item, index) => !bad.has(index) && item.anonymousId === anonymousId);
    const events = ours.filter(({ type }) => type !== "identify");
    this.decisions.confirm(events.map(({ messageId, event }) => ({ id: messageId, opens: event === "app_opened" })));
    // What is known about the person has changed: that may be an entry into a segment.
    if (events.length === 0 && ours.length > 0) this.decisions.want();
  }

  private question(): Question {
    const { anonymousId, userId } = this.identity.current();
    const sessionId = this.sessions.latestId() ?? this.beginSession();
    const context = itemContext(sessionId, this.options.locale);
    return { anonymousId, ...(userId === null ? {} : { userId }), ...this.proof(), sessionId, context };
  }

  /** What proves the user id, where the app gave it. */
  private proof(): { userIdSignature?: string } {
    const { userId, signature } = this.identity.current();
    return userId !== null && signature ? { userIdSignature: signature } : {};
  }

  private queueReport(report: Report): void {
    this.reportsOutbox.push(JSON.stringify(report));
    this.reports.wake(0);
  }

  private keepOffer(offer: Offer | null): void {
    if (offer) this.tabStore.setObject("offer", { ...offer, tab: this.presence.tab });
    else this.tabStore.remove("offer");
  }
}

function now(): string {
  return new Date().toISOString();
}
