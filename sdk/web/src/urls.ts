const LINK_SCHEMES = ["http:", "https:", "mailto:", "tel:"];
const IMAGE_SCHEMES = ["http:", "https:"];

/** The address a button may lead to (web, mail, telephone, or relative to the page), or null. */
export function safeLink(url: unknown): string | null {
  return safe(url, LINK_SCHEMES);
}

/** The address an image may be loaded from (web only), or null. */
export function safeImage(url: unknown): string | null {
  return safe(url, IMAGE_SCHEMES);
}

// The browser's own parser judges, so that no spelling ("java\nscript:") is read one way here and another way there.
function safe(url: unknown, schemes: readonly string[]): string | null {
  if (typeof url !== "string" || url.trim() === "") return null;
  try {
    const parsed = new URL(url, document.baseURI);
    return schemes.includes(parsed.protocol) ? parsed.href : null;
  } catch {
    return null;
  }
}
