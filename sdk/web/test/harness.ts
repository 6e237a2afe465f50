import { afterEach, beforeEach, vi } from "vitest";
import { Client } from "../src/client";
import type { Decision, Item, Report } from "../src/protocol";

export interface Request {
  path: string;
  body: { batch?: Item[]; reports?: Report[]; triggers?: string[]; open?: boolean; anonymousId?: string; userId?: string };
  init: RequestInit;
}

export type Answer = { status?: number; body?: unknown; headers?: Record<string, string> } | "unreachable";
type Route = (request: Request) => Answer | Promise<Answer>;

/** The server's end of `fetch`: answers by path, remembers what was asked. */
export class FakeServer {
  readonly requests: Request[] = [];
  batch: Route = () => ({ body: { success: true } });
  decide: Route = () => ({ body: { decision: null, next_check_in_ms: null } });
  reports: Route = ({ body }) => ({ body: { results: body.reports!.map(() => ({ accepted: true })) } });

  readonly fetch = async (url: string, init: RequestInit): Promise<Response> => {
    const path = new URL(url).pathname;
    const request = { path, body: JSON.parse(String(init.body)), init };
    this.requests.push(request);
    const route = path === "/v1/batch" ? this.batch : path === "/v1/decide" ? this.decide : this.reports;
    const answer = await route(request);
    if (answer === "unreachable") throw new TypeError("Failed to fetch");
    const text = typeof answer.body === "string" ? answer.body : JSON.stringify(answer.body ?? {});
    return new Response(text, { status: answer.status ?? 200, headers: answer.headers ?? {} });
  };

  to(path: string): Request[] {
    return this.requests.filter((request) => request.path === path);
  }

  get items(): Item[] {
    return this.to("/v1/batch").flatMap(({ body }) => body.batch!);
  }

  named(event: string): Item[] {
    return this.items.filter((item) => item.event === event);
  }

  get reported(): Report[] {
    return this.to("/v1/reports").flatMap(({ body }) => body.reports!);
  }

  get reportTypes(): string[] {
    return this.reported.map(({ type }) => type);
  }

  /** Answer the next question with this decision, then with none. */
  offerOnce(decision: Decision): void {
    let given = false;
    this.decide = () => {
      const body = { decision: given ? null : decision, next_check_in_ms: null };
      given = true;
      return { body };
    };
  }
}

export let server: FakeServer;
export let drawnRoots: ShadowRoot[];
let visibility: DocumentVisibilityState;
let listeners: [EventTarget, string, EventListenerOrEventListenerObject, unknown][];

export const START = new Date("2026-03-02T09:00:00Z");

/** Fresh storage, clock, server and page for every test of the file. */
export function useFreshPage(): void {
  beforeEach(() => {
    vi.useFakeTimers({ now: START, toFake: ["setTimeout", "clearTimeout", "setInterval", "clearInterval", "Date"] });
    server = new FakeServer();
    vi.stubGlobal("fetch", server.fetch);
    vi.spyOn(console, "warn").mockImplementation(() => undefined);
    localStorage.clear();
    sessionStorage.clear();
    document.body.replaceChildren();
    visibility = "visible";
    Object.defineProperty(document, "visibilityState", { configurable: true, get: () => visibility });
    drawnRoots = [];
    const attach = Element.prototype.attachShadow;
    vi.spyOn(Element.prototype, "attachShadow").mockImplementation(function (this: Element, init) {
      const root = attach.call(this, init);
      if (this.localName === "nunchi-message") drawnRoots.push(root);
      return root;
    });
    listeners = [];
    for (const target of [window, document] as EventTarget[]) {
      const add = target.addEventListener.bind(target);
      vi.spyOn(target, "addEventListener").mockImplementation((name, listener, options) => {
        if (listener) listeners.push([target, name, listener, options]);
        add(name, listener, options);
      });
    }
  });
  afterEach(() => {
    dropListeners();
    document.querySelectorAll("nunchi-message").forEach((host) => host.remove());
    vi.restoreAllMocks();
    vi.unstubAllGlobals();
    vi.useRealTimers();
  });
}

/** A page of the app with the SDK running; several of them share storage as tabs do. */
export function openTab(options: { tab?: Storage | null; local?: Storage | null; sessionMinutes?: number } = {}): Client {
  const client = new Client(
    {
      writeKey: "key",
      endpoint: "https://nunchi.example",
      ...(options.sessionMinutes ? { sessionMinutes: options.sessionMinutes } : {}),
    },
    {
      local: options.local === undefined ? localStorage : options.local,
      tab: options.tab === undefined ? sessionStorage : options.tab,
      nonce: undefined,
    },
  );
  client.start();
  return client;
}

declare function setImmediate(run: () => void): void;

/** Answers of the fake server need real turns of the event loop, which the fake clock does not give. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 8; turn++) await new Promise<void>((resolve) => setImmediate(resolve));
}

export async function pass(ms: number): Promise<void> {
  await settle();
  await vi.advanceTimersByTimeAsync(ms);
  await settle();
}

export function setVisible(visible: boolean): void {
  visibility = visible ? "visible" : "hidden";
  document.dispatchEvent(new Event("visibilitychange"));
}

/** The page goes away: its last words are heard, then nothing of it runs any more. */
export function leavePage(): void {
  window.dispatchEvent(new Event("pagehide"));
  dropListeners();
  const now = Date.now();
  vi.clearAllTimers(); // which also turns the clock back
  vi.setSystemTime(now);
}

function dropListeners(): void {
  for (const [target, name, listener, options] of listeners) target.removeEventListener(name, listener, options as boolean);
  listeners = [];
}

export function use(): void {
  document.dispatchEvent(new Event("pointerdown"));
}

export function decision(changes: Partial<Decision> = {}): Decision {
  return {
    decision_id: "signed",
    campaign_id: "campaign",
    variant: "a",
    arm: "treatment",
    expires_in_ms: 60_000,
    delay_ms: 0,
    message: {
      template: "modal",
      title: "Your cart is waiting",
      body: "It will not wait for ever.",
      image_url: null,
      locale: "en",
      buttons: [
        { label: "To the cart", action: "link", url: "/cart" },
        { label: "Not now", action: "dismiss", url: null },
      ],
    },
    ...changes,
  };
}

export function drawn(): ShadowRoot | null {
  const host = document.querySelector("nunchi-message");
  return host ? drawnRoots[drawnRoots.length - 1]! : null;
}

export function buttons(): HTMLElement[] {
  return [...drawn()!.querySelectorAll<HTMLElement>(".action")];
}
