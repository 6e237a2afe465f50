/** Tell the app's developer, never the app: nothing of the SDK throws into the host page. */
export function warn(text: string, ...details: unknown[]): void {
  try {
    console.warn(`[nunchi] ${text}`, ...details);
  } catch {
    // A page without a console gets no warnings.
  }
}
