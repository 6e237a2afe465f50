import { describe, expect, test } from "vitest";
import { leavePage, openTab, pass, server, setVisible, use, useFreshPage } from "./harness";

useFreshPage();

const MINUTE = 60_000;

describe("identity", () => {
  test("test_identify__anonymous_person__keeps_the_anonymous_id_on_every_item", async () => {
    const tab = openTab();
    tab.track("before", {});
    const { anonymousId } = tab.person();
    tab.identify("u1", { plan: "pro" });
    tab.track("after", {});

    await pass(200);

    const identified = server.items.find(({ type }) => type === "identify");
    expect(identified).toMatchObject({ anonymousId, userId: "u1", traits: { plan: "pro" } });
    expect(server.named("after")[0]).toMatchObject({ anonymousId, userId: "u1" });
    expect(server.named("before")[0]!.userId).toBeUndefined();
    expect(server.named("before")[0]!.anonymousId).toBe(anonymousId);
  });

  test("test_identify__next_page__is_remembered_with_merged_traits", () => {
    const tab = openTab();
    tab.identify("u1", { plan: "pro" });
    tab.identify(null, { city: "Seoul" });
    leavePage();

    const person = openTab().person();

    expect(person).toMatchObject({ userId: "u1", traits: { plan: "pro", city: "Seoul" } });
  });

  test("test_identify__another_user_on_the_device__gets_an_anonymous_id_of_their_own", () => {
    const tab = openTab();
    tab.identify("u1", { plan: "pro" });
    const former = tab.person().anonymousId;

    tab.identify("u2", {});

    expect(tab.person()).toMatchObject({ userId: "u2", traits: {} });
    expect(tab.person().anonymousId).not.toBe(former);
  });

  test("test_identify__signature__is_sent_with_questions_and_items_of_that_user_and_never_told", async () => {
    const tab = openTab();
    tab.track("before", {});
    tab.identify("u1", {}, "abc");
    await pass(200);
    leavePage();
    const next = openTab();
    next.track("liked", {});
    await pass(200);
    next.reset();
    next.track("after", {});
    await pass(2_000);

    const signatures = server.to("/v1/decide").map(({ body }) => (body as { userIdSignature?: string }).userIdSignature);
    expect(signatures).toContain("abc");
    expect(signatures[signatures.length - 1]).toBeUndefined();
    const proofs = server.items.map(({ event, type, context }) => [event ?? type, context.userIdSignature]);
    expect(proofs).toContainEqual(["before", undefined]);
    expect(proofs).toContainEqual(["identify", "abc"]);
    expect(proofs).toContainEqual(["liked", "abc"]);
    expect(proofs).toContainEqual(["after", undefined]);
    expect(next.person()).not.toHaveProperty("signature");
  });

  test("test_identify__another_user_without_a_signature__does_not_take_the_former_one", async () => {
    const tab = openTab();
    tab.identify("u1", {}, "abc");
    tab.identify("u2", {});
    await pass(200);

    const proofs = server.items.filter(({ type }) => type === "identify").map(({ context }) => context.userIdSignature);
    expect(proofs).toEqual(["abc", undefined]);
  });

  test("test_reset__identified_person__is_forgotten_and_a_new_session_begins", async () => {
    const tab = openTab();
    tab.identify("u1", { plan: "pro" });
    const former = tab.person().anonymousId;
    await pass(200);

    tab.reset();
    tab.track("later", {});
    await pass(200);

    const later = server.named("later")[0]!;
    expect(tab.person()).toMatchObject({ userId: null, traits: {} });
    expect(later.anonymousId).not.toBe(former);
    expect(later.userId).toBeUndefined();
    expect(new Set(server.items.map(({ context }) => context.sessionId)).size).toBe(2);
  });

  test("test_identity__two_tabs__is_one", () => {
    const first = openTab({ tab: null });
    const second = openTab({ tab: null });

    first.identify("u1", {});

    expect(second.person()).toEqual(first.person());
  });
});

describe("session", () => {
  test("test_session__page_opened__app_opened_comes_first_with_full_context", async () => {
    openTab().track("liked", {});

    await pass(200);

    const [opened, liked] = server.items;
    expect(opened!.event).toBe("app_opened");
    expect(liked!.context.sessionId).toBe(opened!.context.sessionId);
    expect(opened!.context).toMatchObject({
      page: { path: "/cart", search: "?step=1", url: "https://shop.example/cart?step=1" },
      library: { name: "nunchi-web" },
      locale: "en-US",
    });
    expect(opened!.context).toHaveProperty("screen.width");
    expect(opened!.context).toHaveProperty("timezone");
    expect(server.to("/v1/batch")[0]!.body).toHaveProperty("sentAt");
  });

  test("test_session__next_page_within_the_gap__goes_on", async () => {
    openTab();
    await pass(200);
    leavePage();
    await pass(29 * MINUTE);

    openTab();
    await pass(200);

    expect(server.named("app_opened")).toHaveLength(1);
  });

  test("test_session__person_returns_after_the_gap__a_new_one_begins", async () => {
    openTab();
    await pass(200);
    setVisible(false);
    await pass(31 * MINUTE);

    setVisible(true);
    await pass(200);

    const opened = server.named("app_opened");
    expect(opened).toHaveLength(2);
    expect(opened[0]!.context.sessionId).not.toBe(opened[1]!.context.sessionId);
  });

  test("test_session__use_without_events__keeps_it_alive", async () => {
    openTab();
    for (let i = 0; i < 5; i++) {
      await pass(20 * MINUTE);
      use();
    }
    await pass(200);

    expect(server.named("app_opened")).toHaveLength(1);
  });

  test("test_session__gap_of_the_tenant__is_used", async () => {
    openTab({ sessionMinutes: 5 });
    await pass(6 * MINUTE);
    use();
    await pass(200);

    expect(server.named("app_opened")).toHaveLength(2);
  });

  test("test_session__page_opened_in_the_background__begins_when_it_is_seen", async () => {
    setVisible(false);
    openTab();
    await pass(5_000);
    const inBackground = server.items.length;

    setVisible(true);
    await pass(200);

    expect(inBackground).toBe(0);
    expect(server.named("app_opened")).toHaveLength(1);
  });
});

describe("engaged time", () => {
  const seconds = () =>
    Math.round(10 * server.named("session_engaged").reduce((sum, { properties }) => sum + (properties!.seconds as number), 0)) / 10;

  test("test_engaged__page_left_alone__counts_thirty_seconds", async () => {
    openTab();

    await pass(10 * MINUTE);

    expect(seconds()).toBe(30);
  });

  test("test_engaged__used_every_ten_seconds__counts_all_and_is_reported_on_the_way", async () => {
    openTab();
    for (let i = 0; i < 12; i++) {
      await pass(10_000);
      use();
    }
    await pass(200);

    expect(seconds()).toBe(120);
    expect(server.named("session_engaged").length).toBeGreaterThanOrEqual(6);
  });

  test("test_engaged__page_hidden__stops_and_is_reported_at_once", async () => {
    openTab();
    await pass(7_500);
    setVisible(false);
    await pass(0);
    const atHiding = seconds();

    await pass(5 * MINUTE);

    expect(atHiding).toBe(7.5);
    expect(seconds()).toBe(7.5);
  });

  test("test_engaged__hidden_and_shown_again__both_parts_count", async () => {
    openTab();
    await pass(5_000);
    setVisible(false);
    await pass(MINUTE);
    setVisible(true);
    await pass(5_000);
    leavePage();
    await pass(0);

    expect(seconds()).toBe(10);
  });

  test("test_engaged__computer_sleeps__the_sleep_does_not_count_nor_begin_a_session", async () => {
    openTab();
    await pass(1_000);
    const { vi } = await import("vitest");
    vi.setSystemTime(Date.now() + 8 * 60 * MINUTE);
    await pass(20_000);

    const items = server.items;
    expect(seconds()).toBe(30);
    expect(new Set(items.map(({ context }) => context.sessionId)).size).toBe(1);
  });
});
