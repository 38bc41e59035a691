// What both pages share: language, building elements, copying, asking the server. Nothing here writes HTML.

const texts = JSON.parse(document.getElementById("texts").textContent);
const main = document.getElementById("main");
const toggle = document.getElementById("toggle");
let language = document.documentElement.lang in texts ? document.documentElement.lang : "en";
let draw = () => {};

/** A text in the reader's language, with {names} filled in. */
export function t(name, values = {}) {
  const text = texts[language][name] ?? texts.en[name] ?? name;
  return text.replace(/\{(\w+)\}/g, (whole, key) => (key in values ? String(values[key]) : whole));
}

/** Whether there is a text of that name. */
export const has = (name) => name in texts.en;

/** The one of two texts that is in the reader's language. */
export const either = (both) => (both ? both[language] || both.en : "");

/** The shop's name as the page shows it. */
export const store = document.querySelector(".store").textContent;

/** Where the shop helps, as its merchant says; empty when it says nothing. */
export const support = document.body.dataset.support;

/** A line that says where to find help, and what to name there. */
export const help = (code) => h("p", { class: "soft", "data-role": "help" },
  support ? t("helpAt", { store, support }) : t(code ? "helpBare" : "help", { store }), code ? t("helpOrder", { code }) : "");

/** An element; `on…` are listeners, other properties attributes, children elements or texts, null for none. */
export function h(name, properties = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (value === null || value === undefined || value === false) continue;
    if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else made.setAttribute(key, value === true ? "" : String(value));
  }
  made.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return made;
}

/** What whoever gives a gift says to whom it is for: text and nothing else, and marked as not ours. */
export function said({ name, message }) {
  return h("figure", { class: "said", "data-role": "said" },
    h("figcaption", { class: "soft" }, t("said")),
    h("blockquote", {}, name ? h("p", {}, name) : null, message ? h("p", {}, message) : null));
}

/** Says something to a screen reader. */
export function announce(text) {
  document.getElementById("announce").textContent = text;
}

/** Shows what `make` makes, now and whenever the language changes. */
export function show(make, { focus = false } = {}) {
  draw = () => main.replaceChildren(...[make()].flat().filter(Boolean));
  draw();
  if (focus) main.querySelector("h1")?.focus();
}

/** A moment as the reader writes it. */
export const when = (text) => new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "short" }).format(new Date(text));

/** An amount as the reader writes it. */
export const money = ({ amount, currency }) => new Intl.NumberFormat(language, { style: "currency", currency }).format(amount);

/** Asks the server; answers its JSON, or throws { code }. What is asked never lies in an address. */
export async function ask(address, { method = "POST", body, token } = {}) {
  const headers = { accept: "application/json", "accept-language": language, "x-requested-with": "fondaco" };
  if (body !== undefined) headers["content-type"] = "application/json";
  if (token) headers.authorization = `Bearer ${token}`;
  let answer;
  try {
    answer = await fetch(address, {
      method, headers, body: body === undefined ? undefined : JSON.stringify(body),
      cache: "no-store", credentials: "omit", redirect: "error", referrerPolicy: "no-referrer",
    });
  } catch {
    throw { code: "NETWORK" };
  }
  let read = null;
  try {
    read = await answer.json();
  } catch {
    // An answer that is not ours (a proxy's) is told by its status.
  }
  if (answer.ok && read) return read;
  throw { code: read?.error?.code ?? (answer.status === 429 ? "THROTTLED" : "INTERNAL"), message: read?.error?.message, orderCode: read?.error?.orderCode };
}

/** A card that says what is wrong and what to do. */
export function trouble(error, retry) {
  const known = has(`error.${error.code}`);
  return h("section", { class: "card", "data-error": error.code },
    h("span", { class: "badge bad", "aria-hidden": "true" }, "!"),
    h("h1", { tabindex: "-1" }, t(known ? `error.${error.code}` : "error.INTERNAL")),
    h("p", {}, known ? t(`error.${error.code}.text`) : error.message ?? t("error.INTERNAL.text")),
    retry ? h("button", { type: "button", class: "button", onclick: retry }, t("retry")) : null,
    help(error.orderCode));
}

async function copy(text, button, code) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    const range = document.createRange();
    range.selectNodeContents(code);
    getSelection().removeAllRanges();
    getSelection().addRange(range);
    if (!document.execCommand("copy")) {
      announce(t("copyFailed"));
      return;
    }
  }
  button.textContent = t("copied");
  announce(t("copied"));
  setTimeout(() => { button.textContent = t("copy"); }, 2000);
}

export function secret(label, copyLabel, text, role) {
  const code = h("code", { "data-role": role, translate: "no", class: text.length > 24 ? "long" : null }, text);
  const button = h("button", { type: "button", class: "button small", "aria-label": copyLabel }, t("copy"));
  button.addEventListener("click", () => copy(text, button, code));
  return h("div", { class: "field" }, h("h3", {}, label), h("div", { class: "secret" }, code, button));
}

/** One unit's code in the open: to read, copy, scan, follow, and how to use it. */
export function revealed(unit) {
  const address = /^https:\/\//i.test(unit.code);
  const restrictions = either(unit.restrictions);
  return [
    secret(t(address ? "link" : "code"), t("copyCode"), unit.code, "code"),
    unit.pin ? secret(t("pin"), t("copyPin"), unit.pin, "pin") : null,
    address ? h("a", { class: "button", href: unit.code, rel: "noopener noreferrer", target: "_blank" }, t("follow")) : null,
    unit.qr ? h("details", { open: unit.kind === "QR" }, h("summary", {}, t("qrShow")), h("img", { class: "qr", src: unit.qr, alt: t("qr") })) : null,
    h("div", { class: "field" }, h("h3", {}, t("redeem")), h("p", { class: "help" }, either(unit.redemption))),
    restrictions ? h("div", { class: "note" }, h("strong", {}, t("restrictions")), h("div", { class: "help" }, restrictions)) : null,
  ];
}

toggle.addEventListener("click", () => {
  language = language === "en" ? "zh-CN" : "en";
  document.documentElement.lang = language;
  toggle.textContent = t("other");
  toggle.lang = language === "en" ? "zh-CN" : "en";
  toggle.setAttribute("aria-label", t("otherLabel"));
  document.getElementById("foot").textContent = t("footer");
  draw();
});

// Another link pasted into the same tab changes only what is behind the #.
addEventListener("hashchange", () => location.reload());
