// The page of a delivery link. Loading it opens nothing: only a press sends the secret, which stays behind the #.

import { announce, ask, h, revealed, said, show, store, t, trouble } from "./page.js";

const secret = decodeURIComponent(location.hash.slice(1));

function sealed(busy) {
  return h("section", { class: "card" },
    h("h1", { tabindex: "-1" }, t("linkTitle")),
    h("p", {}, t("linkIntro", { store })),
    h("p", { class: "note" }, t("linkWarn")),
    h("button", { type: "button", class: "button", id: "open", disabled: busy, onclick: open }, t(busy ? "opening" : "linkButton")));
}

function opened(answer) {
  const left = answer.opensLeft;
  return [
    h("section", { class: "card" },
      h("h1", { tabindex: "-1" }, t(answer.units.length > 1 ? "openedMany" : "opened")),
      h("p", { class: "soft" }, t("order", { code: answer.orderCode })),
      h("p", { class: left === 0 ? "note" : "note fine" }, t(left === 0 ? "leftNone" : left === 1 ? "leftOne" : "leftMany", { count: left }))),
    answer.said ? h("section", { class: "card" }, said(answer.said)) : null,
    answer.units.map((unit) => h("section", { class: "card", "data-unit": unit.allocationId }, h("h2", {}, unit.title), revealed(unit))),
    h("p", { class: "soft" }, t("private")),
  ].flat();
}

async function open() {
  show(() => sealed(true));
  announce(t("opening"));
  try {
    const answer = await ask(`${location.pathname}/open`, { body: { secret } });
    // What is used up need not stay in the history.
    if (answer.opensLeft === 0) history.replaceState(null, "", location.pathname);
    show(() => opened(answer), { focus: true });
  } catch (error) {
    const again = ["NOT_DELIVERED", "NETWORK", "INTERNAL"].includes(error.code);
    show(() => trouble(error, again ? open : null), { focus: true });
  }
}

if (secret) show(() => sealed(false));
else show(() => trouble({ code: "INCOMPLETE" }));
