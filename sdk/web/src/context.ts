import type { Properties } from "./api";

declare const __NUNCHI_VERSION__: string;

export const LIBRARY = { name: "nunchi-web", version: __NUNCHI_VERSION__ };

/** The page that is open, without its fragment. */
export function pageContext(): Properties {
  const { pathname, search, href } = location;
  return { path: pathname, url: href.split("#")[0], referrer: document.referrer, title: document.title, search };
}

/** Where and how something happened. */
export function itemContext(sessionId: string, locale: string | undefined): Properties {
  return {
    page: pageContext(),
    locale: locale || navigator.language,
    userAgent: navigator.userAgent,
    screen: { width: screen.width, height: screen.height, density: window.devicePixelRatio || 1 },
    timezone: timezone(),
    library: LIBRARY,
    sessionId,
  };
}

function timezone(): string | undefined {
  try {
    return Intl.DateTimeFormat().resolvedOptions().timeZone;
  } catch {
    return undefined;
  }
}
