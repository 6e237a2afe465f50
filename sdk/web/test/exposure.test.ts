import { describe, expect, test, vi } from "vitest";
import type { OfferedMessage, Rendering } from "../src/api";
import type { Decision } from "../src/protocol";
import { START, buttons, decision, drawn, leavePage, openTab, pass, server, setVisible, useFreshPage } from "./harness";

useFreshPage();

const ARMS: Decision["arm"][] = ["treatment", "control"];
const exposed = () => server.reported.filter(({ type }) => type === "exposed");

function input(): HTMLInputElement {
  const field = document.createElement("input");
  document.body.append(field);
  return field;
}

/** Whether and when the arm was exposed, under a script of what the page does. */
async function exposureOf(arm: Decision["arm"], script: () => Promise<void>, changes: Partial<Decision> = {}) {
  server.offerOnce(decision({ arm, ...changes }));
  await script();
  await pass(90_000);
  return {
    exposed: exposed().map(({ occurred_at }) => Date.parse(occurred_at) - START.getTime()),
    released: server.reportTypes.filter((type) => type === "released").length,
  };
}

describe("arms", () => {
  test("test_treatment__acknowledged__is_drawn_and_reported", async () => {
    server.offerOnce(decision());
    openTab();
    await pass(500);

    buttons()[0]!.addEventListener("click", (event) => event.preventDefault());
    buttons()[0]!.click();
    await pass(500);

    expect(server.reportTypes).toEqual(["exposed", "rendered", "clicked"]);
    expect(server.reported[2]!.button).toBe(0);
    expect(new Set(server.reported.map(({ exposure_id }) => exposure_id)).size).toBe(1);
    expect(drawn()).toBeNull();
  });

  test("test_control__acknowledged__is_never_drawn_nor_rendered", async () => {
    const renderer = vi.fn();
    server.offerOnce(decision({ arm: "control" }));
    const tab = openTab();
    tab.render(renderer);

    await pass(70_000);

    expect(server.reportTypes).toEqual(["exposed"]);
    expect(document.querySelector("nunchi-message")).toBeNull();
    expect(renderer).not.toHaveBeenCalled();
  });

  test("test_arm__unknown__is_not_drawn", async () => {
    server.offerOnce(decision({ arm: "other" as "control" }));
    openTab();

    await pass(5_000);

    expect(drawn()).toBeNull();
  });

  test.each(ARMS)("test_gates__%s__hook_refuses__is_released_and_not_exposed", async (arm) => {
    server.offerOnce(decision({ arm }));
    const tab = openTab();
    const seen: OfferedMessage[] = [];
    tab.onMessage((offered) => {
      seen.push(offered);
      return false;
    });

    await pass(2_000);

    expect(server.reportTypes).toEqual(["released"]);
    expect(seen).toEqual([{ campaignId: "campaign", variant: "a", message: decision().message }]);
    expect(drawn()).toBeNull();
  });

  test.each(ARMS)("test_gates__%s__hook_throws__is_released", async (arm) => {
    server.offerOnce(decision({ arm }));
    openTab().onMessage(() => {
      throw new Error("host bug");
    });

    await pass(2_000);

    expect(server.reportTypes).toEqual(["released"]);
  });

  test.each(ARMS)("test_gates__%s__hook_never_answers__is_released_at_expiry", async (arm) => {
    server.offerOnce(decision({ arm, expires_in_ms: 5_000 }));
    openTab().onMessage(() => new Promise(() => undefined));

    await pass(4_000);
    const before = server.reportTypes;
    await pass(2_000);

    expect(before).toEqual([]);
    expect(server.reportTypes).toEqual(["released"]);
  });

  test.each(ARMS)("test_gates__%s__template_unknown__is_released", async (arm) => {
    server.offerOnce(decision({ arm, message: { ...decision().message, template: "hologram" } }));
    openTab();

    await pass(2_000);

    expect(server.reportTypes).toEqual(["released"]);
  });

  const scripts: Record<string, [Partial<Decision>, () => Promise<void>, number | null]> = {
    delay: [{ delay_ms: 7_000 }, async () => void openTab(), 7_000],
    "delay beyond expiry": [{ delay_ms: 70_000 }, async () => void openTab(), null],
    pause: [
      {},
      async () => {
        const tab = openTab();
        server.decide = withPause(server.decide, () => tab.pause());
        await pass(9_000);
        tab.resume();
      },
      9_000,
    ],
    "pause beyond expiry": [
      {},
      async () => {
        const tab = openTab();
        server.decide = withPause(server.decide, () => tab.pause());
      },
      null,
    ],
    "hidden page": [
      { delay_ms: 1_000 },
      async () => {
        openTab();
        await pass(500);
        setVisible(false);
        await pass(11_500);
        setVisible(true);
      },
      12_000,
    ],
    typing: [
      {},
      async () => {
        const field = input();
        field.focus();
        openTab();
        await pass(6_000);
        field.blur();
      },
      6_000,
    ],
    "slow hook": [
      {},
      async () => {
        openTab().onMessage(() => new Promise((resolve) => setTimeout(resolve, 3_000)));
      },
      3_000,
    ],
  };

  function withPause(decide: typeof server.decide, pauseNow: () => void): typeof server.decide {
    return (request) => {
      pauseNow();
      return decide(request);
    };
  }

  test.each(Object.keys(scripts).flatMap((name) => ARMS.map((arm) => [name, arm] as const)))(
    "test_gates__%s__%s__is_exposed_at_the_same_instant",
    async (name, arm) => {
      const [changes, script, expected] = scripts[name]!;

      const result = await exposureOf(arm, script, changes);

      if (expected === null) expect(result).toEqual({ exposed: [], released: 1 });
      else {
        expect(result.exposed).toHaveLength(1);
        expect(Math.abs(result.exposed[0]! - expected)).toBeLessThan(150);
        expect(result.released).toBe(0);
      }
    },
  );

  test("test_gates__hook_changes_the_message__what_is_drawn_stays", async () => {
    server.offerOnce(decision());
    openTab().onMessage((offered) => {
      offered.message.title = "changed";
    });

    await pass(500);

    expect(drawn()!.querySelector("h2")!.textContent).toBe("Your cart is waiting");
  });
});

describe("acknowledgement", () => {
  test("test_exposed__answer_on_its_way__nothing_is_drawn", async () => {
    let answer: (value: object) => void = () => undefined;
    server.reports = () => new Promise((resolve) => (answer = resolve as (value: object) => void));
    server.offerOnce(decision());
    openTab();
    await pass(5_000);
    const before = drawn();

    answer({ body: { results: [{ accepted: true }] } });
    await pass(10);

    expect(before).toBeNull();
    expect(drawn()).not.toBeNull();
  });

  test.each([
    ["rejected", { body: { results: [{ accepted: false, code: "expired" }] } }],
    ["empty results", { body: { results: [] } }],
    ["no results", { body: {} }],
    ["bad request", { status: 400, body: { code: "x", message: "y" } }],
  ])("test_exposed__%s__nothing_is_drawn_nor_reported_further", async (_name, answer) => {
    server.reports = () => answer;
    server.offerOnce(decision());
    openTab();

    await pass(70_000);

    expect(server.reportTypes).toEqual(["exposed"]);
    expect(drawn()).toBeNull();
  });

  test.each(ARMS)("test_exposed__%s__offline_until_expiry__is_not_drawn_and_released", async (arm) => {
    server.reports = () => "unreachable";
    server.offerOnce(decision({ arm }));
    openTab();
    await pass(65_000);
    server.reports = ({ body }) => ({ body: { results: body.reports!.map(() => ({ accepted: true })) } });

    await pass(60_000);

    expect(drawn()).toBeNull();
    expect(server.reportTypes.filter((type) => type === "rendered")).toEqual([]);
    expect(server.reportTypes.pop()).toBe("released");
  });

  test("test_exposed__answer_lost__is_asked_again_under_the_same_exposure_id", async () => {
    let lost = 2;
    const acknowledge = server.reports;
    server.reports = (request) => (lost-- > 0 ? "unreachable" : acknowledge(request));
    server.offerOnce(decision());
    openTab();

    await pass(10_000);

    expect(exposed()).toHaveLength(3);
    expect(new Set(exposed().map(({ exposure_id }) => exposure_id)).size).toBe(1);
    expect(drawn()).not.toBeNull();
  });

  test("test_exposed__two_messages__have_exposure_ids_of_their_own", async () => {
    server.decide = () => ({ body: { decision: decision(), next_check_in_ms: 1_000 } });
    openTab();
    for (let i = 0; i < 2; i++) {
      await pass(2_000);
      drawn()!.querySelector<HTMLElement>(".close")!.click();
    }
    await pass(100);

    const ids = exposed().map(({ exposure_id }) => exposure_id);
    expect(new Set(ids).size).toBe(ids.length);
    expect(ids.length).toBeGreaterThanOrEqual(2);
  });

  test("test_reports__server_down__are_kept_and_sent_later", async () => {
    const acknowledge = server.reports;
    let down = false;
    server.reports = (request) => (down ? { status: 503 } : acknowledge(request));
    server.offerOnce(decision());
    openTab();
    await pass(500);
    down = true;
    drawn()!.querySelector<HTMLElement>(".close")!.click();
    await pass(500);
    leavePage();
    down = false;
    server.requests.length = 0;

    openTab();
    await pass(500);

    expect(server.reportTypes).toEqual(["dismissed"]);
  });
});

describe("moment", () => {
  test("test_treatment__typing_begins_during_the_acknowledgement__is_drawn_after_it", async () => {
    const field = input();
    const acknowledge = server.reports;
    server.reports = (request) => {
      if (request.body.reports![0]!.type === "exposed") field.focus();
      return acknowledge(request);
    };
    server.offerOnce(decision());
    openTab();
    await pass(5_000);
    const whileTyping = drawn();

    field.blur();
    await pass(10);

    expect(whileTyping).toBeNull();
    expect(drawn()).not.toBeNull();
  });

  test("test_offer__page_changes_during_the_delay__the_next_page_shows_it", async () => {
    server.offerOnce(decision({ delay_ms: 5_000 }));
    openTab();
    await pass(3_000);
    leavePage();

    openTab();
    await pass(2_500);

    expect(exposed()).toHaveLength(1);
    expect(drawn()).not.toBeNull();
  });

  test.each(ARMS)("test_offer__%s__next_page_comes_after_the_expiry__is_released", async (arm) => {
    server.offerOnce(decision({ arm, delay_ms: 5_000 }));
    openTab();
    await pass(3_000);
    leavePage();
    await pass(60_000);

    openTab();
    await pass(5_000);

    expect(server.reportTypes).toEqual(["released"]);
  });

  test("test_offer__tab_duplicated__only_the_first_tab_shows_it", async () => {
    server.offerOnce(decision({ delay_ms: 5_000 }));
    openTab();
    await pass(1_000);

    openTab();
    await pass(10_000);

    expect(exposed()).toHaveLength(1);
    expect(document.querySelectorAll("nunchi-message")).toHaveLength(1);
  });

  test("test_offer__drawn_and_page_left__the_next_page_does_not_show_it_again", async () => {
    server.offerOnce(decision());
    openTab();
    await pass(1_000);
    document.querySelectorAll("nunchi-message").forEach((host) => host.remove());
    leavePage();

    openTab();
    await pass(5_000);

    expect(exposed()).toHaveLength(1);
    expect(drawn()).toBeNull();
  });

  test.each(ARMS)("test_reset__%s__offer_of_the_former_person_is_released", async (arm) => {
    server.offerOnce(decision({ arm, delay_ms: 5_000 }));
    const tab = openTab();
    await pass(1_000);

    tab.reset();
    await pass(10_000);

    expect(server.reportTypes).toEqual(["released"]);
    expect(drawn()).toBeNull();
  });

  test("test_reset__message_on_screen__is_taken_away", async () => {
    server.offerOnce(decision());
    const tab = openTab();
    await pass(500);

    tab.reset();

    expect(drawn()).toBeNull();
  });
});

describe("render hook", () => {
  test("test_render__treatment__runs_after_the_acknowledgement_and_reports", async () => {
    let acknowledged = false;
    const acknowledge = server.reports;
    server.reports = (request) => {
      acknowledged = true;
      return acknowledge(request);
    };
    server.offerOnce(decision({ message: { ...decision().message, template: "hologram" } }));
    const rendered: [OfferedMessage, Rendering, boolean][] = [];
    openTab().render((offered, rendering) => rendered.push([offered, rendering, acknowledged]));
    await pass(500);

    const [offered, rendering, inTime] = rendered[0]!;
    rendering.clicked(1);
    rendering.dismissed();
    await pass(500);

    expect(inTime).toBe(true);
    expect(offered.message.template).toBe("hologram");
    expect(drawn()).toBeNull();
    expect(server.reportTypes).toEqual(["exposed", "rendered", "clicked"]);
    expect(server.reported[2]!.button).toBe(1);
  });

  test("test_render__hook_fails__is_not_reported_as_rendered_and_the_slot_is_free", async () => {
    server.offerOnce(decision());
    const tab = openTab();
    tab.render(() => Promise.reject(new Error("host bug")));
    await pass(500);

    tab.track("carted", {});
    await pass(500);

    expect(server.reportTypes).toEqual(["exposed"]);
    expect(server.to("/v1/decide")).toHaveLength(2);
  });
});
