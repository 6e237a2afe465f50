// The classic script: takes the place of the stub queue `window.nunchi`, and starts by itself from its own attributes.
import type { InitOptions, Nunchi } from "./api";
import { createNunchi } from "./nunchi";
import { warn } from "./warn";

type QueuedCall = [method: string, ...args: unknown[]];

declare global {
  interface Window {
    nunchi?: QueuedCall[] | (Nunchi & { push: (...calls: QueuedCall[]) => void });
  }
}

function install(): void {
  const before = window.nunchi;
  // Included twice: the first one goes on.
  if (before && !Array.isArray(before)) return;
  const current = document.currentScript ?? document.querySelector("script[data-write-key]");
  const script = current instanceof HTMLScriptElement ? current : null;
  const api = createNunchi(script?.nonce || undefined);

  const push = (...calls: QueuedCall[]) => {
    for (const queued of calls) {
      const method = Array.isArray(queued) ? api[queued[0] as keyof Nunchi] : undefined;
      if (typeof method === "function") (method as (...args: unknown[]) => unknown)(...queued.slice(1));
      else warn("unknown call", queued);
    }
  };
  window.nunchi = { ...api, push };
  if (before) push(...before);
  const options = script && optionsOf(script);
  if (options) api.init(options);
}

function optionsOf(script: HTMLScriptElement): InitOptions | null {
  const { writeKey, endpoint, locale, sessionMinutes } = script.dataset;
  if (!writeKey) return null;
  return {
    writeKey,
    endpoint: endpoint || new URL(script.src, document.baseURI).origin,
    ...(locale ? { locale } : {}),
    ...(Number(sessionMinutes) > 0 ? { sessionMinutes: Number(sessionMinutes) } : {}),
  };
}

try {
  install();
} catch (error) {
  warn("could not start", error);
}
