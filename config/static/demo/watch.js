// The panel: shows what the SDK says to the server and what it hears, by listening to the page's own requests, as a
// browser's developer tools would. It changes nothing.
"use strict";

(() => {
  const $ = (id) => document.getElementById(id);
  const share = document.body.dataset.controlShare;
  const wait = Number(document.body.dataset.window);
  const KEPT = 7;
  let due = 0;
  let span = 0;
  let hasCart = false;
  const arms = new Map(); // told with a decision, shown once its exposure is acknowledged

  const say = (text) => {
    if ($("state").textContent !== text) $("state").textContent = text;
  };
  const idle = () => say(`Put something in the cart and do not buy it: after ${wait} seconds Nunchi acts.`);

  const listened = window.fetch;
  window.fetch = function (resource, options) {
    const answer = listened.apply(this, arguments);
    try {
      const path = new URL(typeof resource === "string" ? resource : resource.url, location.href).pathname;
      const body = JSON.parse((options && options.body) || "null");
      const told = { "/v1/batch": sent, "/v1/decide": decided, "/v1/reports": reported }[path];
      if (told) {
        answer.then(
          (response) =>
            response
              .clone()
              .json()
              .then((heard) => told(body, response.ok ? heard : null))
              .catch(() => told(body, null)),
          () => told(body, null),
        );
      }
    } catch {
      // Not a request of the SDK.
    }
    return answer;
  };

  function sent(body, heard) {
    for (const item of body.batch) {
      const name = item.event || item.type;
      if (name !== "session_engaged") log(name, item.messageId, Boolean(heard));
      if (!heard) continue;
      if (name === "added_to_cart") hasCart = true;
      if (name === "purchased") {
        hasCart = false;
        due = 0;
        say("Bought: nothing to remind anybody of. The purchase is counted for the campaign's result.");
      }
    }
  }

  function decided(_body, heard) {
    if (!heard) return;
    const next = heard.next_check_in_ms;
    if (heard.decision) {
      due = 0;
      arms.set(heard.decision.decision_id, heard.decision.arm);
      say("A decision has arrived; the SDK waits for a good moment.");
    } else if (hasCart && typeof next === "number" && next <= 60000) {
      due = performance.now() + next;
      span = Math.max(next, span);
      say("A cart that is not bought yet. The server said when to ask again:");
    } else {
      due = 0;
      if ($("arm").hidden && !hasCart && !$("state").textContent.startsWith("Bought")) idle();
    }
  }

  function reported(body, heard) {
    if (!heard) return;
    body.reports.forEach((report, index) => {
      if (!heard.results || !heard.results[index] || !heard.results[index].accepted) return;
      if (report.type === "exposed") showArm(arms.get(report.decision_id));
      if (report.type === "clicked") say("A click, reported. Buying within the hour counts as success.");
      if (report.type === "dismissed") say("The message was closed. Buying within the hour still counts as success.");
    });
  }

  function showArm(arm) {
    due = 0;
    const isControl = arm === "control";
    $("arm").hidden = false;
    $("arm").dataset.arm = arm;
    $("arm").textContent = isControl
      ? `This person is in the control group: ${share}% see nothing, so that the effect can be measured. The moment was counted. To see the message, start over as a new person.`
      : "This person is in the group that sees the message.";
    say(isControl ? "The moment came, and nothing was drawn." : "The moment came, and the message was drawn.");
  }

  function log(name, id, isStored) {
    const known = document.querySelector(`#log li[data-id="${CSS.escape(id)}"]`);
    const line = known || document.createElement("li");
    line.dataset.id = id;
    const code = document.createElement("code");
    code.textContent = name;
    const what = document.createElement("span");
    what.textContent = isStored ? "stored" : "kept, not sent yet";
    what.className = isStored ? "" : "bad";
    line.replaceChildren(code, what);
    if (!known) $("log").prepend(line);
    while ($("log").children.length > KEPT) $("log").lastChild.remove();
  }

  setInterval(() => {
    const left = due - performance.now();
    $("count").hidden = due === 0 || left < -2000;
    if ($("count").hidden) {
      span = due === 0 ? 0 : span;
      return;
    }
    $("seconds").textContent = `${Math.max(0, left / 1000).toFixed(0)} s`;
    $("progress").value = span > 0 ? Math.min(1, 1 - left / span) : 1;
  }, 100);

  window.addEventListener("demo:restart", () => {
    hasCart = false;
    due = 0;
    $("arm").hidden = true;
    $("log").replaceChildren();
    idle();
  });
  idle();
})();
