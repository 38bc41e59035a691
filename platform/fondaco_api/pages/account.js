// The pages that identity's mails lead to. Loading one does nothing: only a press sends the token, which stays behind the #.

import { announce, either, h, show } from "./page.js";

const page = location.pathname.split("/").pop();
const token = decodeURIComponent(location.hash.slice(1));
const both = (en, zh) => either({ en, "zh-CN": zh });

const password = { name: "password", type: "password", complete: "new-password", label: () => both("New password, 10 characters at least", "新密码，至少 10 个字符") };
const KINDS = {
  invitation: {
    title: () => both("You are invited", "邀请您加入"), does: "acceptInvitation",
    fields: [{ name: "name", type: "text", complete: "name", label: () => both("Your name", "您的姓名") },
      { ...password, label: () => both("Password: choose one of 10 characters at least, or give the one you have", "密码：新设置一个（至少 10 个字符），或输入已有的密码") }],
    done: () => both("You are in, and signed in here.", "您已加入，并已在此登录。"),
  },
  password: { title: () => both("Choose a new password", "设置新密码"), does: "resetPassword", fields: [password], done: () => both("The password is changed. Sign in again.", "密码已修改，请重新登录。") },
  "buyer-password": { title: () => both("Choose a new password", "设置新密码"), does: "resetCustomerPassword", fields: [password], done: () => both("The password is changed. Sign in again.", "密码已修改，请重新登录。") },
  verify: { title: () => both("Is this your address?", "请确认您的邮箱"), does: "verifyContact", fields: [], done: () => both("Thank you, the address is yours.", "谢谢，邮箱已确认。") },
  forgotten: {
    title: () => both("A new password by mail", "通过邮件设置新密码"), does: "askForPasswordReset", free: true,
    fields: [{ name: "email", type: "email", complete: "email", label: () => both("E-mail address", "电子邮箱") }],
    done: () => both("If there is such an account, a mail is on its way.", "如果账号存在，邮件已发出。"),
  },
  "second-factor": {
    title: () => both("Your second factor", "双重验证"), does: "completeSignIn", carries: "challenge",
    fields: [{ name: "code", type: "text", complete: "one-time-code", label: () => both("Code of your app, or one on paper", "验证器或备用验证码") }],
    done: () => both("You are signed in.", "您已登录。"),
  },
};

async function send(kind, input) {
  const type = kind.does[0].toUpperCase() + kind.does.slice(1);
  const query = `mutation($input: ${type}Input!) { done: ${kind.does}(input: $input) { __typename ... on Failure { message } } }`;
  const answer = await fetch("/graphql", {
    method: "POST", credentials: "same-origin", cache: "no-store", redirect: "error", referrerPolicy: "no-referrer",
    headers: { "content-type": "application/json", "accept-language": document.documentElement.lang, "x-requested-with": "fondaco" },
    body: JSON.stringify({ query, variables: { input } }),
  });
  const read = await answer.json();
  const done = read.data?.done;
  if (!done) throw new Error(read.errors?.[0]?.message ?? "?");
  if (done.message) throw new Error(done.message);
}

// What was typed stays, so that neither a refusal nor the other language costs a second typing; a password does not.
const typed = {};

function card(kind, problem, busy) {
  const inputs = kind.fields.map((field) => h("input", {
    type: field.type, id: field.name, autocomplete: field.complete, maxlength: 1000, value: typed[field.name] ?? "", disabled: busy,
    oninput: (event) => { if (field.type !== "password") typed[field.name] = event.target.value; },
    onkeydown: (event) => { if (event.key === "Enter" && !event.isComposing) press(); },
  }));
  const press = async () => {
    const input = kind.free ? {} : { [kind.carries ?? "token"]: token };
    kind.fields.forEach((field, place) => { if (inputs[place].value) input[field.name] = inputs[place].value; });
    show(() => card(kind, null, true));
    try {
      await send(kind, input);
      history.replaceState(null, "", location.pathname);
      show(() => said(kind.title(), kind.done()), { focus: true });
    } catch (error) {
      show(() => card(kind, error.message, false), { focus: true });
      announce(error.message);
    }
  };
  return h("section", { class: "card" },
    h("h1", { tabindex: "-1" }, kind.title()),
    problem ? h("p", { class: "note", role: "alert" }, problem) : null,
    kind.fields.map((field, place) => h("p", {}, h("label", { for: field.name }, field.label()), inputs[place])),
    h("button", { type: "button", class: "button", id: "send", disabled: busy, onclick: press }, both("Go on", "继续")));
}

const said = (title, text) => h("section", { class: "card" }, h("h1", { tabindex: "-1" }, title), h("p", {}, text));

const kind = KINDS[page];
if (page === "welcome") show(() => said(both("Welcome", "欢迎"), both("You are signed in.", "您已登录。")));
else if (!kind) show(() => said(both("That did not work", "操作未成功"), `${both("Begin again, or ask who keeps the provider.", "请重新开始，或联系管理员。")} ${token.replace(/[^A-Z_]/g, "")}`));
else if (!kind.free && !token) show(() => said(kind.title(), both("The address is not whole: open it as it stands in the mail.", "地址不完整，请从邮件中完整打开。")));
else show(() => card(kind, null, false));
