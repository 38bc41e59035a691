// The page of one order, for whoever has its token. It follows the order by itself and shows a code only at a press.

import { announce, ask, h, has, help, money, revealed, said, secret, show, t, trouble, when } from "./page.js";

const token = decodeURIComponent(location.hash.slice(1));
const MOVING = ["PENDING_PAYMENT", "PAID", "HELD_FOR_REVIEW"];
const GOOD = ["FULFILLED"];
const WAIT_FIRST_MS = 1500;
const WAIT_MAX_MS = 15000;

let order = null;
let wait = WAIT_FIRST_MS;
let timer = 0;
let failed = null;
const open = new Map();

const tone = (state) => (GOOD.includes(state) ? "badge" : MOVING.includes(state) ? "badge wait" : "badge bad");

function unitRow(unit) {
  const seen = open.get(unit.id);
  if (seen) return h("li", { "data-unit": unit.id }, h("strong", {}, unit.title), revealed(seen));
  const state = unit.refunded ? "unitRefunded" : { FULFILLED: "unitReady", HELD: "unitPending", UNKNOWN: "unitPending" }[unit.state] ?? "unitGone";
  return h("li", { "data-unit": unit.id },
    h("div", { class: "row" },
      h("div", {}, h("strong", {}, unit.title), h("div", { class: "masked" }, unit.masked ?? t(state))),
      unit.state === "FULFILLED" && unit.masked
        ? h("button", { type: "button", class: "button small", "aria-label": `${t("show")}: ${unit.title}`, onclick: (event) => reveal(event.target, unit.id) },
            t(unit.revealedAt ? "showAgain" : "show"))
        : h("span", { class: "soft" }, t(state))));
}

let sent = null;

function deliveryRow(delivery) {
  const to = delivery.contact.replaceAll("*", "•");
  const key = `delivery.${delivery.state}`;
  return h("li", { class: "row", "data-delivery": delivery.state },
    h("div", {}, h("span", {}, t(delivery.toRecipient ? "sentToRecipient" : "sentTo", { to })),
      h("div", { class: "soft" }, t(has(`${key}.${delivery.failure}`) ? `${key}.${delivery.failure}` : key),
        delivery.sentAt ? ` · ${when(delivery.sentAt)}` : "")),
    delivery.canResend ? h("button", { type: "button", class: "button second small", onclick: (event) => resend(event.target, delivery.id) }, t("resend")) : null);
}

function deliveriesCard() {
  if (order.deliveries.length === 0 && !order.gift) return null;
  return h("section", { class: "card", "data-role": "deliveries" }, h("h2", {}, t("deliveries")),
    order.gift ? h("p", { class: "note" }, t(order.gift.takenBack ? "giftTakenBack" : order.gift.opened ? "giftOpened" : "gift", { to: order.gift.contact.replaceAll("*", "•") })) : null,
    order.gift && order.gift.said ? said(order.gift.said) : null,
    h("ul", { class: "rows" }, order.deliveries.map(deliveryRow)),
    order.passphrase ? h("div", {}, secret(t("passphrase"), t("copyPassphrase"), order.passphrase, "passphrase"), h("p", { class: "soft" }, t("passphraseText"))) : null,
    sent ? h("p", { class: "note", role: "status" }, sent) : null);
}

async function resend(button, deliveryId) {
  button.disabled = true;
  try {
    await ask(`${location.pathname}/resend`, { body: { deliveryId }, token });
    sent = t("resent");
    announce(sent);
    await follow();
  } catch (error) {
    sent = has(`error.${error.code}`) ? t(`error.${error.code}`) : error.message ?? t("error.INTERNAL");
  }
  show(page);
}

function page() {
  const steps = [["placed", order.placedAt], ["paid", order.paidAt], ["delivered", order.fulfilledAt], ["closed", order.closedAt]].filter(([, at]) => at);
  const sealed = order.units.filter((unit) => unit.state === "FULFILLED" && unit.masked && !open.has(unit.id));
  return [
    h("section", { class: "card", "data-state": order.state },
      h("span", { class: tone(order.state) }, t(`state.${order.state}`)),
      h("h1", { tabindex: "-1" }, t("orderTitle")),
      h("p", { class: "soft" }, t("order", { code: order.code })),
      h("p", {}, t(`state.${order.state}.text`)),
      order.state === "PENDING_PAYMENT" && order.holdExpiresAt ? h("p", { class: "note" }, t("payUntil", { time: when(order.holdExpiresAt) })) : null,
      MOVING.includes(order.state) ? h("p", { class: "soft" }, t("live")) : null),
    failed ? h("p", { class: "note", role: "alert" }, t(`error.${failed.code}`), " ", t(`error.${failed.code}.text`)) : null,
    order.units.length > 0 && !MOVING.includes(order.state) || order.units.some((unit) => unit.state === "FULFILLED")
      ? h("section", { class: "card" }, h("h2", {}, t("codes")), h("ul", { class: "rows" }, order.units.map(unitRow)),
          sealed.length > 1 ? h("button", { type: "button", class: "button second", onclick: (event) => reveal(event.target, null) }, t("showAll")) : null,
          open.size > 0 ? h("p", { class: "soft" }, t("private")) : null)
      : null,
    deliveriesCard(),
    h("section", { class: "card" }, h("h2", {}, t("lines")),
      h("ul", { class: "rows" }, order.lines.map((line) => h("li", { class: "row" },
        h("span", {}, `${line.title} `, h("span", { class: "soft" }, t("quantity", { count: line.quantity }))),
        h("span", { class: "sum" }, money(line.amount))))),
      h("p", { class: "row" }, h("strong", {}, t("total")), h("span", { class: "sum" }, money(order.total))),
      order.refunded ? h("p", { class: "row" }, h("span", {}, t("refunded")), h("span", { class: "sum" }, money(order.refunded))) : null),
    h("section", { class: "card" }, h("h2", {}, t("timeline")),
      h("ol", { class: "steps" }, steps.map(([name, at]) => h("li", {}, t(name), h("time", { datetime: at }, when(at)))))),
    help(order.code),
  ];
}

async function reveal(button, allocationId) {
  button.disabled = true;
  button.textContent = t("opening");
  try {
    const answer = await ask(`${location.pathname}/reveal`, { body: { allocationId }, token });
    for (const unit of answer.units) open.set(unit.allocationId, unit);
    failed = null;
    announce(t("opened"));
  } catch (error) {
    failed = { code: ["NOT_DELIVERED", "NETWORK", "THROTTLED", "NOT_FOUND"].includes(error.code) ? error.code : "INTERNAL" };
  }
  show(page);
}

async function follow() {
  clearTimeout(timer);
  try {
    const fresh = await ask(`${location.pathname}/state`, { method: "GET", token });
    const moved = order === null || JSON.stringify(fresh) !== JSON.stringify(order);
    const told = order !== null && order.state !== fresh.state;
    order = fresh;
    failed = null;
    if (moved) show(page);
    if (told) announce(t(`state.${order.state}`));
    wait = moved ? WAIT_FIRST_MS : Math.min(wait * 1.3, WAIT_MAX_MS);
  } catch (error) {
    if (order === null) {
      show(() => trouble(error, ["NETWORK", "INTERNAL", "THROTTLED"].includes(error.code) ? follow : null), { focus: true });
      return;
    }
    wait = WAIT_MAX_MS;
  }
  if (MOVING.includes(order.state) && !document.hidden) timer = setTimeout(follow, wait);
}

document.addEventListener("visibilitychange", () => {
  if (!document.hidden && token && order !== null && MOVING.includes(order.state)) follow();
});

if (token) follow();
else show(() => trouble({ code: "INCOMPLETE" }));
