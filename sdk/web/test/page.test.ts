import { beforeEach, describe, expect, test, vi } from "vitest";
import { createNunchi } from "../src/nunchi";
import { pass, server, useFreshPage } from "./harness";

useFreshPage();

const OPTIONS = { writeKey: "key", endpoint: "https://nunchi.example" };

describe("functions", () => {
  test("test_calls__before_init__are_carried_out_by_it_in_order", async () => {
    const nunchi = createNunchi();
    nunchi.identify("u1", { plan: "pro" });
    nunchi.track("liked");
    nunchi.page("Cart", { step: 2 });

    nunchi.init(OPTIONS);
    await pass(200);

    const items = server.items.filter(({ event }) => event !== "app_opened");
    expect(items.map(({ type }) => type)).toEqual(["identify", "track", "page"]);
    expect(items[2]).toMatchObject({ name: "Cart", userId: "u1", properties: { step: 2, path: "/cart" } });
  });

  test.each([
    [42, "42"],
    ["u1", "u1"],
    ["", undefined],
    [null, undefined],
  ])("test_identify__user_id_%j__is_sent_as_%j", async (given, sent) => {
    const nunchi = createNunchi();
    nunchi.init(OPTIONS);

    nunchi.identify(given);
    await pass(200);

    expect(server.items.find(({ type }) => type === "identify")!.userId).toBe(sent);
  });

  test("test_identify__traits_alone__are_sent", async () => {
    const nunchi = createNunchi();
    nunchi.init(OPTIONS);

    nunchi.identify({ city: "Seoul" });
    await pass(200);

    expect(server.items.find(({ type }) => type === "identify")).toMatchObject({ traits: { city: "Seoul" } });
  });

  test("test_functions__nonsense__never_throw", async () => {
    const nunchi = createNunchi() as unknown as Record<string, (...args: unknown[]) => unknown>;
    const circular: Record<string, unknown> = {};
    circular.self = circular;
    nunchi.init!(undefined);
    nunchi.init!({ writeKey: "key" });
    nunchi.init!({ writeKey: "키", endpoint: "https://nunchi.example" });
    nunchi.init!(OPTIONS);

    for (const name of ["identify", "track", "page", "reset", "pause", "resume", "onMessage", "render", "person", "init"]) {
      for (const value of [undefined, null, 7, "x", circular, [], () => undefined, Symbol("x"), 10n]) {
        expect(() => nunchi[name]!(value, value)).not.toThrow();
      }
    }
    await expect(nunchi.flush!()).resolves.toBeUndefined();
  });

  test("test_flush__called__sends_at_once", async () => {
    const nunchi = createNunchi();
    nunchi.init(OPTIONS);
    nunchi.track("liked");

    await nunchi.flush();

    expect(server.named("liked")).toHaveLength(1);
  });

  test("test_person__before_and_after_init__is_told", () => {
    const nunchi = createNunchi();
    const before = nunchi.person();
    nunchi.init(OPTIONS);

    expect(before).toBeNull();
    expect(nunchi.person()).toMatchObject({ userId: null, traits: {} });
    expect(nunchi.person()!.anonymousId).toMatch(/^[0-9a-f-]{36}$/);
  });
});

describe("script", () => {
  beforeEach(() => {
    vi.resetModules();
    delete window.nunchi;
    document.head.replaceChildren();
  });

  function addScript(attributes: Record<string, string>): void {
    const script = document.createElement("script");
    script.type = "text/plain";
    for (const [name, value] of Object.entries(attributes)) script.setAttribute(name, value);
    document.head.append(script);
  }

  test("test_script__attributes_and_stub_queue__starts_and_replays", async () => {
    addScript({ "data-write-key": "key", "data-endpoint": "https://nunchi.example/" });
    window.nunchi = [["track", "early", { n: 1 }]];

    await import("../src/script");
    window.nunchi!.push(["track", "late"]);
    await pass(200);

    expect(server.named("early")[0]).toMatchObject({ properties: { n: 1 } });
    expect(server.named("late")).toHaveLength(1);
  });

  test("test_script__no_endpoint__is_where_the_script_came_from", async () => {
    addScript({ "data-write-key": "key", src: "https://nunchi.example/static/nunchi.js" });

    await import("../src/script");
    await pass(200);

    expect(server.named("app_opened")).toHaveLength(1);
  });

  test("test_script__no_key__waits_for_init", async () => {
    await import("../src/script");
    const queue = window.nunchi as { init: (options: typeof OPTIONS) => void };
    await pass(200);
    const before = server.requests.length;

    queue.init(OPTIONS);
    await pass(200);

    expect(before).toBe(0);
    expect(server.named("app_opened")).toHaveLength(1);
  });

  test("test_script__included_twice__the_first_goes_on", async () => {
    await import("../src/script");
    const first = window.nunchi;
    vi.resetModules();

    await import("../src/script");

    expect(window.nunchi).toBe(first);
  });

  test("test_script__unknown_calls_in_the_queue__are_warned_about", async () => {
    window.nunchi = [["explode"], "x" as unknown as ["x"]];

    await import("../src/script");

    expect(console.warn).toHaveBeenCalledTimes(2);
  });
});
