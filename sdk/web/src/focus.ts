const NOT_TYPED_INTO = ["button", "checkbox", "color", "file", "image", "radio", "range", "reset", "submit"];

/** The focused element, also inside open shadow roots. */
export function focusedElement(): Element | null {
  let element = document.activeElement;
  while (element?.shadowRoot?.activeElement) element = element.shadowRoot.activeElement;
  return element;
}

/** Whether the person may be typing: a text field, a select, editable text, or a frame (whose inside we cannot see). */
export function isTyping(): boolean {
  const element = focusedElement();
  if (!element || element === document.body) return document.designMode === "on";
  const name = element.localName;
  if (name === "input") return !NOT_TYPED_INTO.includes((element as HTMLInputElement).type);
  if (name === "textarea" || name === "select" || name === "iframe") return true;
  const editable = element as HTMLElement;
  return editable.isContentEditable || editable.closest("[contenteditable]:not([contenteditable=false])") !== null;
}

/** Moves Tab and Shift+Tab through these elements only, from the last to the first and back. */
export function cycleFocus(event: KeyboardEvent, root: ShadowRoot, stops: readonly HTMLElement[]): void {
  event.preventDefault();
  const at = stops.indexOf(root.activeElement as HTMLElement);
  const next = event.shiftKey ? (at <= 0 ? stops.length : at) - 1 : (at + 1) % stops.length;
  stops[next]?.focus();
}
