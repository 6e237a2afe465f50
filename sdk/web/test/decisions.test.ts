import { describe, expect, test } from "vitest";
import { decision, drawn, leavePage, openTab, pass, server, setVisible, useFreshPage } from "./harness";

useFreshPage();

const asked = () => server.to("/v1/decide");

describe("questions", () => {
  test("test_decide__page_opened__asks_once_naming_the_opening", async () => {
    openTab();

    await pass(10_000);

    const [opened] = server.named("app_opened");
    expect(asked()).toHaveLength(1);
    expect(asked()[0]!.body).toMatchObject({ triggers: [opened!.messageId], open: true, anonymousId: opened!.anonymousId });
  });

  test("test_decide__next_page_of_the_tab__names_what_the_former_one_sent", async () => {
    openTab();
    await pass(500);
    leavePage();
    const [opened] = server.named("app_opened");
    server.requests.length = 0;

    openTab();
    await pass(1_000);

    // The server remembers what was used: it is named again, in case a gap stood in its way.
    expect(asked().map(({ body }) => body.triggers)).toEqual([[opened!.messageId]]);
  });

  test("test_decide__event_confirmed__is_named_after_its_confirmation", async () => {
    const tab = openTab();
    await pass(5_000);
    server.requests.length = 0;
    tab.track("carted", {});

    await pass(100);
    await pass(10_000);

    const paths = server.requests.map(({ path }) => path);
    expect(paths).toEqual(["/v1/batch", "/v1/decide"]);
    expect(asked()[0]!.body.triggers).toContain(server.named("carted")[0]!.messageId);
  });

  test("test_decide__event_not_confirmed__is_not_named", async () => {
    server.batch = () => "unreachable";
    openTab().track("carted", {});

    await pass(5_000);

    expect(asked().flatMap(({ body }) => body.triggers)).toEqual([]);
  });

  test("test_decide__answer_lost__names_the_same_events_again", async () => {
    let lost = true;
    server.decide = () => (lost ? "unreachable" : { body: { decision: null, next_check_in_ms: null } });
    openTab();
    await pass(100);
    lost = false;

    await pass(5_000);

    const [first, second] = asked();
    expect(second!.body.triggers).toEqual(first!.body.triggers);
    expect(asked()).toHaveLength(2);
  });

  test("test_decide__event_older_than_a_day__is_not_named_any_more", async () => {
    const tab = openTab();
    await pass(500);
    tab.pause();
    tab.track("carted", {});
    await pass(86_401_000);

    tab.resume();
    await pass(100);

    const [, afterPause] = asked();
    expect(server.named("carted")).toHaveLength(1);
    expect(afterPause!.body.triggers).not.toContain(server.named("carted")[0]!.messageId);
  });

  test("test_decide__one_in_flight__the_next_waits_for_it", async () => {
    let answer: (value: { body: object }) => void = () => undefined;
    let open = 0;
    let most = 0;
    server.decide = async () => {
      most = Math.max(most, ++open);
      const given = await new Promise<{ body: object }>((resolve) => (answer = resolve));
      open--;
      return given;
    };
    const tab = openTab();
    await pass(200);
    tab.track("one", {});
    tab.track("two", {});
    await pass(2_000);
    answer({ body: { decision: null, next_check_in_ms: null } });
    await pass(2_000);

    expect(most).toBe(1);
    expect(asked()).toHaveLength(2);
  });

  test("test_decide__message_on_screen__waits_until_it_is_closed", async () => {
    server.offerOnce(decision());
    const tab = openTab();
    await pass(500);
    tab.track("carted", {});
    await pass(10_000);
    const whileShown = asked().length;

    drawn()!.querySelector<HTMLElement>(".close")!.click();
    await pass(500);

    expect(whileShown).toBe(1);
    expect(asked()).toHaveLength(2);
    expect(asked()[1]!.body.triggers).toContain(server.named("carted")[0]!.messageId);
  });

  test("test_decide__page_hidden__asks_when_it_is_seen_again", async () => {
    const tab = openTab();
    await pass(500);
    setVisible(false);
    tab.track("carted", {});
    await pass(10_000);
    const whileHidden = asked().length;

    setVisible(true);
    await pass(500);

    expect(whileHidden).toBe(1);
    expect(asked()).toHaveLength(2);
    expect(asked()[1]!.body.triggers).toContain(server.named("carted")[0]!.messageId);
  });

  test("test_decide__paused__asks_after_resume", async () => {
    const tab = openTab();
    tab.pause();
    await pass(5_000);
    const whilePaused = asked().length;

    tab.resume();
    await pass(100);

    expect(whilePaused).toBe(0);
    expect(asked()).toHaveLength(1);
  });

  test("test_decide__next_check__names_again_what_was_stopped", async () => {
    let first = true;
    server.decide = () => {
      const body = { decision: null, next_check_in_ms: first ? 15_000 : null };
      first = false;
      return { body };
    };
    openTab();

    await pass(14_900);
    const before = asked().length;
    await pass(600);

    expect(before).toBe(1);
    expect(asked()[1]!.body.triggers).toEqual([server.named("app_opened")[0]!.messageId]);
  });

  test("test_decide__next_check_beyond_what_timers_hold__does_not_fire_at_once", async () => {
    server.decide = () => ({ body: { decision: null, next_check_in_ms: 2 ** 40 } });
    openTab();

    await pass(15_000);

    expect(asked()).toHaveLength(1);
  });

  test("test_decide__server_says_zero__is_not_asked_in_a_loop", async () => {
    server.decide = () => ({ body: { decision: null, next_check_in_ms: 0 } });
    openTab();

    await pass(10_000);

    expect(asked().length).toBeLessThanOrEqual(11);
  });

  test("test_decide__retry_after__new_events_wait_for_it", async () => {
    server.decide = () => ({ status: 429, headers: { "Retry-After": "40" } });
    const tab = openTab();
    await pass(500);
    tab.track("carted", {});

    await pass(39_000);
    const during = asked().length;
    await pass(2_000);

    expect(during).toBe(1);
    expect(asked()).toHaveLength(2);
  });

  test("test_decide__event_of_the_last_page__is_named_by_the_next", async () => {
    server.decide = () => "unreachable";
    const tab = openTab();
    tab.track("carted", {});
    await pass(150);
    leavePage();
    server.requests.splice(0, server.requests.length, ...server.to("/v1/batch"));
    server.decide = () => ({ body: { decision: null, next_check_in_ms: null } });

    openTab();
    await pass(500);

    expect(asked()[0]!.body.triggers).toContain(server.named("carted")[0]!.messageId);
  });
});
