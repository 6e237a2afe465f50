import type { Message } from "./api";
import { cycleFocus, focusedElement } from "./focus";
import { closeLabel, directionOf } from "./language";
import { MODAL_STYLE } from "./modal-style";
import { safeImage, safeLink } from "./urls";

// A tap that was meant for the page and lands on the backdrop just as it appears dismisses nothing.
const STRAY_TAP_MS = 350;

export interface ModalEvents {
  /** A button that leads somewhere was used. */
  onClick: (button: number) => void;
  /** Closed; by the dismiss button of this index, if by one. */
  onDismiss: (button?: number) => void;
}

export interface DrawnModal {
  /** Take it away without telling. */
  close: () => void;
}

/**
 * Draws a message over the page.
 *
 * Texts are only ever text; addresses are filtered; nothing is laid out in the page's flow. The focus moves in, stays
 * in, and goes back where it was. The native dialog (top layer, inert page behind it) is used where the browser has one.
 */
export function drawModal(message: Message, events: ModalEvents, nonce?: string): DrawnModal {
  const before = focusedElement();
  const host = document.createElement("nunchi-message");
  const root = host.attachShadow({ mode: "closed" });
  applyStyle(root, nonce);

  const locale = message.locale || undefined;
  const layer = document.createElement("dialog");
  const native = typeof layer.showModal === "function";
  layer.className = "layer";
  layer.setAttribute("role", "dialog");
  layer.setAttribute("aria-modal", "true");
  layer.setAttribute("aria-labelledby", "title");
  if (message.body) layer.setAttribute("aria-describedby", "body");
  layer.dir = directionOf(locale);
  if (locale) layer.lang = locale;

  let open = true;
  const close = () => {
    if (!open) return;
    open = false;
    document.removeEventListener("focusin", keepFocus, true);
    document.removeEventListener("keydown", onKey, true);
    host.remove();
    if (before instanceof HTMLElement && before.isConnected) before.focus({ preventScroll: true });
  };
  const click = (button: number) => {
    if (!open) return;
    close();
    events.onClick(button);
  };
  const dismiss = (button?: number) => {
    if (!open) return;
    close();
    events.onDismiss(button);
  };

  const { card, content, stops } = buildCard(message, locale, click, dismiss);
  layer.append(card);
  root.append(layer);

  // Without a native dialog the page behind is not inert: fetch back a focus that got out.
  function keepFocus(event: FocusEvent): void {
    if (event.target !== host) content.focus({ preventScroll: true });
  }

  // On the document, because a click on the backdrop leaves the focus on the body; keys of other dialogs are not ours.
  function onKey(event: KeyboardEvent): void {
    if (event.target !== host && event.target !== document.body && event.target !== document.documentElement) return;
    if (event.key === "Tab") cycleFocus(event, root, stops);
    else if (event.key === "Escape" && !event.isComposing) {
      event.preventDefault();
      event.stopPropagation();
      dismiss();
    }
  }

  const drawnAt = Date.now();
  let pressedOutside = false;
  layer.addEventListener("pointerdown", (event) => (pressedOutside = event.target === layer));
  layer.addEventListener("click", (event) => {
    // Pressed and released outside: selecting text across the edge does not close.
    if (event.target === layer && pressedOutside && Date.now() - drawnAt > STRAY_TAP_MS) dismiss();
  });
  layer.addEventListener("cancel", (event) => {
    event.preventDefault();
    dismiss();
  });
  // The browser may close a dialog without asking (a second Escape, a gesture).
  layer.addEventListener("close", () => dismiss());
  const stopScroll = (event: WheelEvent | TouchEvent) => {
    const zooms = event.ctrlKey || ("touches" in event && event.touches.length > 1);
    const scrolls = content.contains(event.target as Node) && content.scrollHeight > content.clientHeight;
    if (!zooms && !scrolls && event.cancelable) event.preventDefault();
  };
  layer.addEventListener("wheel", stopScroll, { passive: false });
  layer.addEventListener("touchmove", stopScroll, { passive: false });

  document.addEventListener("keydown", onKey, true);
  // Beside the body, not in it: selectors and layout of the page's own children stay as they are.
  document.documentElement.append(host);
  if (native) layer.showModal();
  else {
    layer.setAttribute("open", "");
    document.addEventListener("focusin", keepFocus, true);
  }
  // The text, not a button: a key pressed at this moment must not press anything, and arrow keys scroll.
  content.focus({ preventScroll: true });
  return { close };
}

interface Card {
  card: HTMLElement;
  content: HTMLElement;
  stops: HTMLElement[];
}

function buildCard(
  message: Message,
  locale: string | undefined,
  click: (button: number) => void,
  dismiss: (button?: number) => void,
): Card {
  const card = element("div", "card");
  const content = element("div", "content");
  content.tabIndex = -1;
  const closing = element("button", "close");
  closing.type = "button";
  closing.setAttribute("aria-label", closeLabel(locale));
  closing.append(cross());
  closing.addEventListener("click", () => dismiss());

  const title = element("h2", "title");
  title.id = "title";
  title.textContent = message.title;
  const noImage = () => {
    closing.classList.remove("over-image");
    title.classList.add("beside-close");
  };
  const source = safeImage(message.image_url);
  if (source) {
    const image = element("img", "image");
    image.alt = "";
    image.decoding = "async";
    image.draggable = false;
    closing.classList.add("over-image");
    image.addEventListener("error", () => {
      image.remove();
      noImage();
    });
    image.src = source;
    content.append(image);
  } else noImage();

  const text = element("div", "text");
  text.append(title);
  if (message.body) {
    const body = element("p", "body");
    body.id = "body";
    body.textContent = message.body;
    text.append(body);
  }
  content.append(text);

  const actions = element("div", "actions");
  const buttons = Array.isArray(message.buttons) ? message.buttons : [];
  const primary = Math.max(0, buttons.findIndex((button) => button.action === "link"));
  const actionElements = buttons.map((button, index) => {
    const target = button.action === "link" ? safeLink(button.url) : null;
    const action = target ? element("a", "action") : element("button", "action");
    if (action instanceof HTMLAnchorElement) {
      action.href = target!;
      action.rel = "noopener";
      action.draggable = false;
    } else action.type = "button";
    if (index === primary) action.classList.add("primary");
    action.textContent = button.label;
    action.addEventListener("click", () => (button.action === "link" ? click(index) : dismiss(index)));
    return action;
  });
  actions.append(...actionElements);

  card.append(content);
  if (actionElements.length > 0) card.append(actions);
  card.append(closing);
  return { card, content, stops: [...actionElements, closing] };
}

function element<Name extends keyof HTMLElementTagNameMap>(name: Name, className: string): HTMLElementTagNameMap[Name] {
  const made = document.createElement(name);
  made.className = className;
  return made;
}

function cross(): SVGElement {
  const space = "http://www.w3.org/2000/svg";
  const picture = document.createElementNS(space, "svg");
  picture.setAttribute("viewBox", "0 0 14 14");
  picture.setAttribute("aria-hidden", "true");
  const path = document.createElementNS(space, "path");
  path.setAttribute("d", "M1 1l12 12M13 1L1 13");
  picture.append(path);
  return picture;
}

/** A constructed sheet passes a strict content policy; older browsers get a style element with the script's nonce. */
function applyStyle(root: ShadowRoot, nonce: string | undefined): void {
  try {
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(MODAL_STYLE);
    root.adoptedStyleSheets = [sheet];
  } catch {
    const style = document.createElement("style");
    if (nonce) style.nonce = nonce;
    style.textContent = MODAL_STYLE;
    root.append(style);
  }
}
