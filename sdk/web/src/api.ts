// The public types: everything an app may call, pass or receive. Types only, so that the build can publish this file.

export interface InitOptions {
  /** Public key of the tenant's app. */
  writeKey: string;
  /** Origin (and path prefix, if any) of the Nunchi server, for instance "https://nunchi.example.com". */
  endpoint: string;
  /** Language of the person, for instance "ko"; the browser's language by default. */
  locale?: string;
  /** Minutes without activity after which a new session begins; 30 by default. Use the tenant's own limit. */
  sessionMinutes?: number;
}

export type Properties = Record<string, unknown>;

export interface MessageButton {
  label: string;
  action: "link" | "dismiss";
  url: string | null;
}

export interface Message {
  template: string;
  title: string;
  body: string;
  image_url: string | null;
  locale: string;
  buttons: MessageButton[];
}

/** A message that is about to be shown. It never tells the arm of the experiment. */
export interface OfferedMessage {
  campaignId: string;
  variant: string;
  message: Message;
}

/** Return (or resolve to) `false` to refuse the message; anything else lets it pass. Asked alike for both arms. */
export type MessageGate = (offered: OfferedMessage) => unknown;

/** What an app that draws by itself tells the SDK; each call counts once. */
export interface Rendering {
  /** The button at this index was used; the message is gone. */
  clicked(button: number): void;
  /** The message was closed without using a button. */
  dismissed(): void;
}

/** Draws a message; asked for the treated arm only, after the server has acknowledged the exposure. */
export type Renderer = (offered: OfferedMessage, rendering: Rendering) => unknown;

export interface Person {
  anonymousId: string;
  userId: string | null;
  traits: Properties;
}

export interface Nunchi {
  /** Start. Calls made earlier are kept and carried out now; a second call does nothing. */
  init(options: InitOptions): void;
  /**
   * Say who is using the app, and what is known about them. Traits alone may be given. The signature of the user id,
   * made by the app's own server, lets messages use traits that are not public; workspaces that require signed ids take
   * nothing about a user without it.
   */
  identify(userId: string | number | Properties | null, traits?: Properties, proof?: { signature?: string }): void;
  /** Record something the person did. */
  track(event: string, properties?: Properties): void;
  /** Record a page view. */
  page(name?: string | Properties | null, properties?: Properties): void;
  /** Forget the person (sign-out): a new anonymous id, a new session, no message of the former person. */
  reset(): void;
  /** Show nothing until `resume()`; events are still sent. */
  pause(): void;
  /** End a pause. */
  resume(): void;
  /** Set the hook that may refuse a message, or remove it with `null`. */
  onMessage(gate: MessageGate | null): void;
  /** Set the hook that draws messages instead of the built-in one, or remove it with `null`. */
  render(renderer: Renderer | null): void;
  /** Send what is queued now; resolves when the attempt is over, whatever came of it. */
  flush(): Promise<void>;
  /** Who the SDK believes is using the app; `null` before `init`. */
  person(): Person | null;
}
