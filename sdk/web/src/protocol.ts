import type { Message, Properties } from "./api";

/** One queued item of /v1/batch. */
export interface Item {
  type: "identify" | "track" | "page";
  messageId: string;
  timestamp: string;
  anonymousId: string;
  userId?: string;
  event?: string;
  name?: string;
  properties?: Properties;
  traits?: Properties;
  context: Properties;
}

export interface Decision {
  decision_id: string;
  campaign_id: string;
  variant: string;
  arm: "treatment" | "control";
  expires_in_ms: number;
  delay_ms: number;
  message: Message;
}

export interface DecideAnswer {
  decision: Decision | null;
  next_check_in_ms: number | null;
}

export interface Report {
  decision_id: string;
  type: "exposed" | "rendered" | "clicked" | "dismissed" | "released";
  exposure_id: string;
  occurred_at: string;
  button?: number;
}

export type ReportResult = { accepted: true } | { accepted: false; code?: string; message?: string };

/** The longest wait that a browser timer can hold; beyond it timers fire at once. */
export const LONGEST_TIMER_MS = 2 ** 31 - 1;
