import { describe, expect, test } from "vitest";
import { backoffMs, retryAfterMs } from "../src/backoff";
import { type Answer, START, openTab, pass, server, useFreshPage } from "./harness";

useFreshPage();

describe("back-off", () => {
  test("test_backoff__failures_in_a_row__doubles_up_to_a_minute_with_jitter", () => {
    const longest = [1, 2, 3, 4, 20].map((failures) => backoffMs(failures, 1));
    const shortest = [1, 2, 3, 4, 20].map((failures) => backoffMs(failures, 0));

    expect(longest).toEqual([1_000, 2_000, 4_000, 8_000, 60_000]);
    expect(shortest).toEqual([500, 1_000, 2_000, 4_000, 30_000]);
  });

  test.each([
    ["7", 7_000],
    [new Date(START.getTime() + 9_000).toUTCString(), 9_000],
    ["99999999", 3_600_000],
    ["soon", 0],
    [null, 0],
  ])("test_retry_after__%s__is_%d_ms", (header, expected) => {
    expect(retryAfterMs(header, START.getTime())).toBe(expected);
  });
});

describe("answers", () => {
  const outcomes: [string, Answer][] = [
    ["a network failure", "unreachable"],
    ["429", { status: 429 }],
    ["408", { status: 408 }],
    ["410", { status: 410 }],
    ["460", { status: 460 }],
    ["500", { status: 500 }],
    ["503", { status: 503 }],
    ["a proxy's page", { status: 200, body: "<html>sign in</html>" }],
    ["202", { status: 202 }],
  ];

  test.each(outcomes)("test_batch__%s__is_sent_again_unchanged", async (_name, answer) => {
    let failing = true;
    server.batch = () => (failing ? answer : { body: { success: true } });
    const tab = openTab();
    tab.track("liked", {});
    await pass(150);
    failing = false;

    await pass(1_000);

    const [first, second, ...more] = server.named("liked");
    expect(second).toEqual(first);
    expect(more).toEqual([]);
  });

  test.each([400, 401, 403, 413, 422])("test_batch__%d__is_dropped_with_a_warning", async (status) => {
    server.batch = () => ({ status, body: { code: "bad", message: "no good" } });
    const tab = openTab();
    tab.track("liked", {});

    await pass(120_000);

    expect(server.named("liked")).toHaveLength(1);
    expect(console.warn).toHaveBeenCalledWith(expect.stringContaining("no good"));
    expect(Object.keys(localStorage).filter((key) => key.includes(".e."))).toEqual([]);
  });

  test("test_batch__retry_after__is_respected_also_by_flush_and_new_items", async () => {
    server.batch = () => ({ status: 429, headers: { "Retry-After": "30" } });
    const tab = openTab();
    await pass(200);
    const before = server.to("/v1/batch").length;

    tab.track("liked", {});
    await tab.flush();
    await pass(29_000);
    const during = server.to("/v1/batch").length;
    await pass(1_500);

    expect(during).toBe(before);
    expect(server.named("liked")).toHaveLength(1);
  });

  test("test_batch__server_down__asks_ever_less_often", async () => {
    server.batch = () => ({ status: 500 });
    server.decide = () => ({ status: 500 });
    openTab();

    await pass(60_000);
    const firstMinute = server.to("/v1/batch").length;
    await pass(600_000);

    expect(firstMinute).toBeLessThan(14);
    expect(server.to("/v1/batch").length - firstMinute).toBeLessThan(24);
  });

  test("test_batch__connection_comes_back__is_sent_at_once", async () => {
    server.batch = () => "unreachable";
    const tab = openTab();
    tab.track("liked", {});
    await pass(30_000);
    server.requests.length = 0;
    server.batch = () => ({ body: { success: true } });

    window.dispatchEvent(new Event("online"));
    await pass(0);

    expect(server.named("liked")).toHaveLength(1);
  });

  test("test_batch__item_rejected__is_not_sent_again_and_triggers_nothing", async () => {
    server.batch = ({ body }) => {
      const index = body.batch!.findIndex(({ event }) => event === "bad");
      return { body: { success: true, ...(index < 0 ? {} : { rejected: [{ index, code: "invalid" }] }) } };
    };
    const tab = openTab();
    tab.track("bad", {});
    tab.track("good", {});

    await pass(5_000);

    const named = server.to("/v1/decide").flatMap(({ body }) => body.triggers!);
    expect(server.named("bad")).toHaveLength(1);
    expect(named).toContain(server.named("good")[0]!.messageId);
    expect(named).not.toContain(server.named("bad")[0]!.messageId);
  });
});
