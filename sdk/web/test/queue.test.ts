import { describe, expect, test, vi } from "vitest";
import { Outbox } from "../src/outbox";
import { Presence } from "../src/presence";
import { KeyStore } from "../src/storage";
import { leavePage, openTab, pass, server, setVisible, useFreshPage } from "./harness";

useFreshPage();

const queued = () => Object.keys(localStorage).filter((key) => key.startsWith("nunchi.key.e."));
const ids = () => server.items.map(({ messageId }) => messageId);

describe("queue", () => {
  test("test_queue__server_confirms__items_are_forgotten", async () => {
    const tab = openTab();
    tab.track("liked", { sku: 1 });

    await pass(100);

    const [request] = server.to("/v1/batch");
    expect(server.named("liked")[0]).toMatchObject({ type: "track", properties: { sku: 1 } });
    expect(request!.init).toMatchObject({ keepalive: true, credentials: "omit", method: "POST" });
    expect((request!.init.headers as Record<string, string>).Authorization).toBe(`Basic ${btoa("key:")}`);
    expect(queued()).toEqual([]);
  });

  test("test_queue__page_reloaded_while_offline__items_are_sent_by_the_next_page", async () => {
    server.batch = () => "unreachable";
    const tab = openTab();
    tab.track("liked", {});
    await pass(200);
    const lost = server.named("liked")[0]!.messageId;
    leavePage();
    server.requests.length = 0;
    server.batch = () => ({ body: { success: true } });

    openTab();
    await pass(100);

    expect(server.named("liked").map(({ messageId }) => messageId)).toEqual([lost]);
    expect(queued()).toEqual([]);
  });

  test("test_queue__two_tabs_write__neither_overwrites_the_other", async () => {
    server.batch = () => "unreachable";
    const first = openTab({ tab: null });
    const second = openTab({ tab: null });
    for (let i = 0; i < 10; i++) {
      first.track(`first ${i}`, {});
      second.track(`second ${i}`, {});
    }
    await pass(50);

    const names = queued().map((key) => JSON.parse(localStorage.getItem(key)!).event);

    expect(names.filter((name) => /first|second/.test(name))).toHaveLength(20);
  });

  test("test_queue__two_living_tabs__each_item_is_sent_once", async () => {
    const first = openTab({ tab: null });
    const second = openTab({ tab: null });
    for (let i = 0; i < 5; i++) {
      first.track("first", {});
      second.track("second", {});
    }

    await pass(60_000);

    expect(new Set(ids()).size).toBe(ids().length);
    expect(server.named("first")).toHaveLength(5);
    expect(server.named("second")).toHaveLength(5);
  });

  test("test_queue__tab_killed_without_a_word__another_adopts_its_items_after_a_while", async () => {
    const store = new KeyStore(localStorage, "nunchi.key.");
    const dead = new Presence(store, () => undefined);
    new Outbox(store, "e", dead).push(JSON.stringify({ type: "track", event: "orphan", messageId: "m1" }));
    store.set(`tab.${dead.tab}`, String(Date.now()));
    openTab();

    await pass(60_000);
    const whileBelievedAlive = server.named("orphan").length;
    await pass(120_000);

    expect(whileBelievedAlive).toBe(0);
    expect(server.named("orphan")).toHaveLength(1);
    expect(queued()).toEqual([]);
  });

  test("test_queue__storage_unavailable__memory_serves", async () => {
    server.batch = () => "unreachable";
    const tab = openTab({ local: null, tab: null });
    tab.track("liked", {});
    await pass(150);
    server.batch = () => ({ body: { success: true } });

    await tab.flush();

    expect(server.named("liked")).toHaveLength(2);
    expect(Object.keys(localStorage)).toEqual([]);
  });

  test("test_queue__storage_is_full__memory_holds_the_item", async () => {
    const tab = openTab();
    await pass(200);
    vi.spyOn(Storage.prototype, "setItem").mockImplementation(() => {
      throw new DOMException("full", "QuotaExceededError");
    });

    tab.track("liked", {});
    await pass(200);

    expect(server.named("liked")).toHaveLength(1);
  });

  test("test_queue__storage_turned_read_only__items_are_not_sent_for_ever", async () => {
    const tab = openTab();
    tab.track("liked", {});
    vi.spyOn(Storage.prototype, "removeItem").mockImplementation(() => undefined);

    await pass(60_000);

    expect(server.named("liked")).toHaveLength(1);
  });

  test("test_queue__over_its_bound__oldest_items_go", () => {
    const store = new KeyStore(null, "x.");
    const outbox = new Outbox(store, "e", new Presence(store, () => undefined), 3, 1_000);

    for (const text of ["1", "2", "3", "4"]) outbox.push(text);

    const kept = outbox.take({ maxItems: 9, maxBytes: 999, skip: new Set() }).map(({ json }) => json);
    expect(kept).toEqual(["2", "3", "4"]);
  });

  test("test_batch__more_than_keepalive_takes__is_divided", async () => {
    const tab = openTab();
    for (let i = 0; i < 12; i++) tab.track("big", { text: "é".repeat(5_000) });

    await pass(500);

    const sizes = server.to("/v1/batch").map(({ init }) => new TextEncoder().encode(String(init.body)).length);
    expect(server.named("big")).toHaveLength(12);
    expect(sizes.length).toBeGreaterThan(1);
    expect(Math.max(...sizes)).toBeLessThan(60_000);
  });

  test("test_item__larger_than_the_keepalive_bound__is_sent_alone_without_it", async () => {
    const tab = openTab();
    tab.track("huge", { text: "x".repeat(70_000) });
    tab.track("small", {});

    await pass(500);

    const huge = server.to("/v1/batch").find(({ body }) => body.batch!.some(({ event }) => event === "huge"))!;
    expect(huge.body.batch).toHaveLength(1);
    expect(huge.init.keepalive).toBe(false);
    expect(server.named("small")).toHaveLength(1);
  });

  test("test_item__larger_than_the_server_takes__is_dropped_with_a_warning", async () => {
    const tab = openTab();
    tab.track("monster", { text: "x".repeat(130_000) });

    await pass(500);

    expect(server.named("monster")).toEqual([]);
    expect(console.warn).toHaveBeenCalled();
  });

  test("test_queue__page_hidden_right_after_track__is_sent_at_once", async () => {
    const tab = openTab();
    await pass(200);

    tab.track("bought", {});
    setVisible(false);
    await pass(0);

    expect(server.named("bought")).toHaveLength(1);
  });
});
