// A person makes a passkey in a real browser and signs in by it; then others try with what is not theirs to use.
// node passkeys.mjs CHROMIUM '{"origin": "http://localhost:…", "elsewhere": "…", "phishing": "…", "email": "…", "password": "…"}'
// Prints, for each thing that was tried, what came of it: a success's type, a refusal's code, or the browser's own error.

import { chromium } from "playwright-core";

const [executablePath, text] = process.argv.slice(2);
const { origin, elsewhere, phishing, email, password } = JSON.parse(text);

const browser = await chromium.launch({ executablePath, args: ["--no-sandbox", "--disable-gpu"] });
const context = await browser.newContext();
const page = await context.newPage();
page.setDefaultTimeout(30_000);

// The device: a platform authenticator that keeps passkeys and knows its owner, as a telephone does.
const devtools = await context.newCDPSession(page);
await devtools.send("WebAuthn.enable");
await devtools.send("WebAuthn.addVirtualAuthenticator", {
  options: {
    protocol: "ctap2", transport: "internal", hasResidentKey: true, hasUserVerification: true, isUserVerified: true,
    automaticPresenceSimulation: true,
  },
});

const visit = (address) => page.goto(`${address}/account/welcome`);

// A mutation of the API: from the page that is open, or past the browser, as whoever stole an answer would.
async function ask(how, mutation, input, show) {
  const kind = mutation[0].toUpperCase() + mutation.slice(1);
  const [declared, passed] = input ? [`($input: ${kind}Input!)`, "(input: $input)"] : ["", ""];
  const query = `mutation ${declared} { done: ${mutation}${passed} { __typename ... on ${kind}Success { ${show} } ... on Failure { code } } }`;
  const body = { query, variables: input ? { input } : {} };
  const answer = how === "page" ? await page.evaluate(async (asked) => {
    const headers = { "content-type": "application/json" };
    return await (await fetch("/graphql", { method: "POST", headers, body: JSON.stringify(asked) })).json();
  }, body) : await (await context.request.post(`${origin}/graphql`, { data: body })).json();
  if (answer.errors) throw new Error(JSON.stringify(answer.errors));
  return answer.data.done;
}

// What the device answers, as JSON; or the name of the browser's own refusal.
const device = (act, options, changes = {}) => page.evaluate(async ([made, given, changed]) => {
  const asked = { ...JSON.parse(given), ...changed };
  try {
    const found = made
      ? await navigator.credentials.create({ publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(asked) })
      : await navigator.credentials.get({ publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(asked) });
    return { credential: JSON.stringify(found.toJSON()) };
  } catch (error) {
    return { refused: error.name };
  }
}, [act === "make", options, changes]);

const begin = (how) => ask(how, "beginPasskeySignIn", null, "challenge options");
const signIn = (how, challenge, credential) => ask(how, "signInWithPasskey", { challenge, credential }, "tenantSlug");
const told = (done) => done.code ?? done.__typename;
const report = {};

try {
  // Made at home, under a password.
  await visit(origin);
  report.password = told(await ask("page", "signIn", { email, password }, "tenantSlug"));
  const making = await ask("page", "beginPasskey", { password }, "challenge options");
  const made = await device("make", making.options);
  report.made = told(await ask("page", "addPasskey", { challenge: making.challenge, name: "My phone", credential: made.credential }, "passkey { name }"));

  // Made under another name, on a page that looks like ours: the challenge is right, and nothing else.
  const lured = await ask("page", "beginPasskey", { password }, "challenge options");
  await visit(phishing);
  const foreign = await device("make", lured.options, { rp: { id: new URL(phishing).hostname, name: "Fondaco" } });
  report.madeForAnotherName = told(await ask("past", "addPasskey", { challenge: lured.challenge, name: "Mine", credential: foreign.credential }, "passkey { name }"));
  // There, no browser shows the passkey that is ours.
  report.shownToAnotherName = (await device("show", (await begin("past")).options)).refused;
  const own = await begin("past");
  const shown = await device("show", own.options, { rpId: new URL(phishing).hostname });
  report.anotherNamesPasskey = told(await signIn("past", own.challenge, shown.credential));

  // Without a password, at home again; nobody is named.
  await context.clearCookies();
  await visit(origin);
  const first = await begin("page");
  const answer = await device("show", first.options);
  report.signedIn = told(await signIn("page", first.challenge, answer.credential));
  report.viewer = await page.evaluate(async () => {
    const body = JSON.stringify({ query: "{ viewer { kind passkeys { name lastUsedAt } } }" });
    const headers = { "content-type": "application/json" };
    return (await (await fetch("/graphql", { method: "POST", headers, body })).json()).data.viewer;
  });
  report.cookie = (await context.cookies()).map(({ name, httpOnly, sameSite }) => ({ name, httpOnly, sameSite }));

  // Once more what was said already.
  await context.clearCookies();
  report.replayed = told(await signIn("past", first.challenge, answer.credential));
  report.replayedToAnother = told(await signIn("past", (await begin("past")).challenge, answer.credential));

  // The same host, another port: the browser shows the passkey, and says where it did.
  await visit(elsewhere);
  const stolen = await begin("past");
  const relayed = await device("show", stolen.options);
  report.relayed = told(await signIn("past", stolen.challenge, relayed.credential));

  // And still it opens the door at home.
  await visit(origin);
  const last = await begin("page");
  report.again = told(await signIn("page", last.challenge, (await device("show", last.options)).credential));
} finally {
  await browser.close();
}
console.log(JSON.stringify(report));
