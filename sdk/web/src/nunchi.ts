import type { InitOptions, Nunchi, Properties } from "./api";
import { Client } from "./client";
import { openStorage } from "./storage";
import { warn } from "./warn";

const MAX_EARLY_CALLS = 1_000;

/**
 * The functions an app calls. None of them throws.
 *
 * Calls before `init` are kept and carried out by it, in their order.
 */
export function createNunchi(nonce?: string): Nunchi {
  let client: Client | null = null;
  let early: ((client: Client) => void)[] = [];

  const call = (name: string, run: (client: Client) => void) => {
    try {
      if (client) run(client);
      else if (early.length < MAX_EARLY_CALLS) early.push(run);
    } catch (error) {
      warn(`${name} failed`, error);
    }
  };

  return {
    init(options) {
      try {
        if (client) return warn("init was called before; this call does nothing");
        const checked = checkOptions(options);
        if (!checked) return;
        const started = new Client(checked, {
          local: openStorage("localStorage"),
          tab: openStorage("sessionStorage"),
          nonce,
        });
        client = started;
        started.start();
        const calls = early;
        early = [];
        for (const run of calls) call("a call before init", run);
      } catch (error) {
        warn("init failed", error);
      }
    },
    identify(user, traits, proof) {
      call("identify", (to) => {
        if (isObject(user)) return to.identify(null, user);
        const userId = user === null || user === undefined || user === "" ? null : String(user);
        const signature = isObject(proof) && typeof proof.signature === "string" ? proof.signature : undefined;
        to.identify(userId, isObject(traits) ? traits : {}, signature);
      });
    },
    track(event, properties) {
      if (typeof event !== "string" || event.trim() === "") return warn("track needs the event's name");
      call("track", (to) => to.track(event, isObject(properties) ? properties : {}));
    },
    page(name, properties) {
      call("page", (to) => {
        if (isObject(name)) to.page(undefined, name);
        else to.page(name || undefined, isObject(properties) ? properties : {});
      });
    },
    reset: () => call("reset", (to) => to.reset()),
    pause: () => call("pause", (to) => to.pause()),
    resume: () => call("resume", (to) => to.resume()),
    onMessage(gate) {
      if (gate !== null && typeof gate !== "function") return warn("onMessage needs a function or null");
      call("onMessage", (to) => to.onMessage(gate));
    },
    render(renderer) {
      if (renderer !== null && typeof renderer !== "function") return warn("render needs a function or null");
      call("render", (to) => to.render(renderer));
    },
    async flush() {
      try {
        await client?.flush();
      } catch (error) {
        warn("flush failed", error);
      }
    },
    person() {
      try {
        return client ? client.person() : null;
      } catch (error) {
        warn("person failed", error);
        return null;
      }
    },
  };
}

function checkOptions(options: InitOptions): InitOptions | null {
  if (typeof window === "undefined" || typeof document === "undefined") return null;
  if (!options || typeof options.writeKey !== "string" || options.writeKey === "") {
    warn("init needs a writeKey");
    return null;
  }
  try {
    const endpoint = new URL(options.endpoint, document.baseURI);
    if (["http:", "https:"].includes(endpoint.protocol)) return { ...options, endpoint: endpoint.href };
  } catch {
    // Said below.
  }
  warn("init needs an endpoint: the address of the Nunchi server");
  return null;
}

function isObject(value: unknown): value is Properties {
  return value !== null && typeof value === "object" && !Array.isArray(value);
}
