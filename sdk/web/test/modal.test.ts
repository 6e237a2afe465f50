import { describe, expect, test, vi } from "vitest";
import { isTyping } from "../src/focus";
import { closeLabel, directionOf } from "../src/language";
import { drawModal } from "../src/modal";
import { safeImage, safeLink } from "../src/urls";
import { buttons, decision, drawn, pass, useFreshPage } from "./harness";

useFreshPage();

const message = decision().message;
const events = () => ({ onClick: vi.fn(), onDismiss: vi.fn() });

function press(key: string, init: KeyboardEventInit = {}): KeyboardEvent {
  const event = new KeyboardEvent("keydown", { key, bubbles: true, composed: true, cancelable: true, ...init });
  (drawn()?.activeElement ?? document.body).dispatchEvent(event);
  return event;
}

describe("texts and addresses", () => {
  test("test_modal__html_in_every_text__stays_text", () => {
    const attack = `<img src=x onerror="alert(1)"><script>alert(2)</script>`;
    drawModal({ ...message, title: attack, body: attack, buttons: [{ label: attack, action: "dismiss", url: null }] }, events());

    const root = drawn()!;

    expect(root.querySelectorAll("script, img, [onerror]")).toHaveLength(0);
    expect(root.querySelector("h2")!.textContent).toBe(attack);
    expect(root.querySelector("p")!.textContent).toBe(attack);
    expect(buttons()[0]!.textContent).toBe(attack);
  });

  test("test_modal__root__is_closed_and_carries_no_inline_style", () => {
    drawModal(message, events());

    expect(document.querySelector("nunchi-message")!.shadowRoot).toBeNull();
    expect(drawn()!.querySelectorAll("[style]")).toHaveLength(0);
    expect(document.body.childElementCount).toBe(0);
  });

  test.each([
    ["https://shop.example/a?b=c#d", "https://shop.example/a?b=c#d"],
    ["http://shop.example/", "http://shop.example/"],
    ["/cart", "https://shop.example/cart"],
    ["?x=1", "https://shop.example/cart?x=1"],
    ["//cdn.example/x", "https://cdn.example/x"],
    ["mailto:help@shop.example", "mailto:help@shop.example"],
    ["tel:+82-2-123", "tel:+82-2-123"],
    ["javascript:alert(1)", null],
    ["JaVaScRiPt:alert(1)", null],
    [" \u0001javascript:alert(1)", null],
    ["java\nscript:alert(1)", null],
    ["data:text/html,<script>alert(1)</script>", null],
    ["vbscript:x", null],
    ["blob:https://shop.example/1", null],
    ["file:///etc/passwd", null],
    ["intent://x", null],
    ["https://", null],
    ["", null],
    [null, null],
    [7, null],
  ])("test_link__%j__becomes_%j", (url, expected) => {
    expect(safeLink(url)).toBe(expected);
  });

  test.each([
    ["https://cdn.example/a.png", "https://cdn.example/a.png"],
    ["/a.png", "https://shop.example/a.png"],
    ["data:image/svg+xml,<svg/>", null],
    ["mailto:a@b.example", null],
    ["javascript:alert(1)", null],
  ])("test_image__%j__becomes_%j", (url, expected) => {
    expect(safeImage(url)).toBe(expected);
  });

  test("test_modal__unsafe_addresses__leave_a_button_that_only_closes_and_no_image", () => {
    const told = events();
    drawModal(
      { ...message, image_url: "data:image/png;base64,x", buttons: [{ label: "Go", action: "link", url: "javascript:alert(1)" }] },
      told,
    );

    const [go] = buttons();
    go!.click();

    expect(go!.localName).toBe("button");
    expect(drawnImages()).toBe(0);
    expect(told.onClick).toHaveBeenCalledWith(0);
    expect(drawn()).toBeNull();
  });

  function drawnImages(): number {
    return drawn()?.querySelectorAll("img").length ?? 0;
  }

  test("test_modal__image_cannot_be_loaded__is_removed", () => {
    drawModal({ ...message, image_url: "https://cdn.example/gone.png" }, events());
    const image = drawn()!.querySelector("img")!;

    image.dispatchEvent(new Event("error"));

    expect(drawnImages()).toBe(0);
    expect(drawn()!.querySelector("h2")!.className).toContain("beside-close");
  });
});

describe("dialog", () => {
  test("test_modal__semantics__modal_labelled_and_described", () => {
    drawModal({ ...message, locale: "ko" }, events());

    const dialog = drawn()!.querySelector("[role=dialog]")!;

    expect(dialog.getAttribute("aria-modal")).toBe("true");
    expect(drawn()!.getElementById(dialog.getAttribute("aria-labelledby")!)!.textContent).toBe(message.title);
    expect(drawn()!.getElementById(dialog.getAttribute("aria-describedby")!)!.textContent).toBe(message.body);
    expect(dialog.getAttribute("lang")).toBe("ko");
    expect(drawn()!.querySelector(".close")!.getAttribute("aria-label")).toBe("닫기");
  });

  test.each([
    ["ar", "rtl"],
    ["he-IL", "rtl"],
    ["pa-Arab", "rtl"],
    ["ko", "ltr"],
    ["de-DE", "ltr"],
  ])("test_direction__%s__is_%s", (locale, expected) => {
    expect(directionOf(locale)).toBe(expected);
  });

  test("test_direction__language_not_told__is_that_of_the_page", () => {
    document.documentElement.style.direction = "rtl";

    const direction = directionOf(undefined);

    document.documentElement.style.direction = "";
    expect(direction).toBe("rtl");
    expect(closeLabel("xx")).toBe("Close");
  });

  test("test_focus__message_drawn_and_closed__moves_in_and_back", () => {
    const opener = document.createElement("button");
    document.body.append(opener);
    opener.focus();

    drawModal(message, events());
    const inside = document.activeElement;
    press("Escape");

    expect(inside!.localName).toBe("nunchi-message");
    expect(document.activeElement).toBe(opener);
  });

  test("test_focus__tab_and_shift_tab__stay_inside", () => {
    drawModal(message, events());
    const walked: string[] = [];
    const name = () => walked.push((drawn()!.activeElement as HTMLElement).textContent || "close");

    for (let i = 0; i < 4; i++) {
      press("Tab");
      name();
    }
    for (let i = 0; i < 2; i++) {
      press("Tab", { shiftKey: true });
      name();
    }

    expect(walked).toEqual(["To the cart", "Not now", "close", "To the cart", "close", "Not now"]);
  });

  test("test_focus__page_takes_it_away__is_fetched_back", () => {
    const field = document.createElement("input");
    document.body.append(field);
    drawModal(message, events());

    field.focus();

    expect(document.activeElement!.localName).toBe("nunchi-message");
  });

  test("test_escape__pressed__dismisses_once_and_is_not_heard_by_the_page", () => {
    const told = events();
    const page = vi.fn();
    document.body.addEventListener("keydown", page);
    drawModal(message, told);

    press("Escape");
    press("Escape");

    expect(told.onDismiss).toHaveBeenCalledTimes(1);
    expect(drawn()).toBeNull();
  });

  test("test_close_button__pressed__dismisses", () => {
    const told = events();
    drawModal(message, told);

    drawn()!.querySelector<HTMLElement>(".close")!.click();

    expect(told.onDismiss).toHaveBeenCalledWith(undefined);
    expect(drawn()).toBeNull();
  });

  test("test_backdrop__pressed_and_released_outside__dismisses_but_not_a_stray_tap", async () => {
    const told = events();
    drawModal(message, told);
    const layer = drawn()!.querySelector(".layer")!;
    const tap = () => {
      layer.dispatchEvent(new Event("pointerdown", { bubbles: true }));
      layer.dispatchEvent(new MouseEvent("click", { bubbles: true }));
    };

    tap();
    const afterStrayTap = told.onDismiss.mock.calls.length;
    await pass(400);
    layer.querySelector("p")!.dispatchEvent(new Event("pointerdown", { bubbles: true }));
    layer.dispatchEvent(new MouseEvent("click", { bubbles: true }));
    const afterSelection = told.onDismiss.mock.calls.length;
    tap();

    expect([afterStrayTap, afterSelection]).toEqual([0, 0]);
    expect(told.onDismiss).toHaveBeenCalledTimes(1);
  });

  test("test_dismiss_button__pressed__tells_which", () => {
    const told = events();
    drawModal(message, told);

    buttons()[1]!.click();

    expect(told.onDismiss).toHaveBeenCalledWith(1);
    expect(told.onClick).not.toHaveBeenCalled();
  });
});

describe("typing", () => {
  test.each([
    ["<input>", true],
    ["<input type=email>", true],
    ["<textarea></textarea>", true],
    ["<select><option>1</select>", true],
    ["<div contenteditable tabindex=0></div>", true],
    ["<div contenteditable=false tabindex=0></div>", false],
    ["<input type=checkbox>", false],
    ["<button></button>", false],
    ["<a href=#>x</a>", false],
  ])("test_typing__focus_on_%s__is_%s", (html, expected) => {
    document.body.innerHTML = html;
    (document.body.firstElementChild as HTMLElement).focus();

    expect(isTyping()).toBe(expected);
  });

  test("test_typing__field_in_an_open_shadow_root__is_seen", () => {
    const host = document.createElement("x-search");
    document.body.append(host);
    const field = document.createElement("input");
    host.attachShadow({ mode: "open" }).append(field);

    field.focus();

    expect(isTyping()).toBe(true);
  });
});
