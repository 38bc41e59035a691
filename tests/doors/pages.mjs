// Opens pages in a real browser as a buyer would, and prints what it saw.
// node pages.mjs CHROMIUM '{"steps": […], "language": "en", "width": 390, "height": 844, "shots": "/folder"}'

import { chromium } from "playwright-core";

const [executablePath, text] = process.argv.slice(2);
const { steps, language, width, height, shots, dark } = JSON.parse(text);

const browser = await chromium.launch({ executablePath, args: ["--no-sandbox", "--disable-gpu"] });
const context = await browser.newContext({
  locale: language, viewport: { width, height }, colorScheme: dark ? "dark" : "light", deviceScaleFactor: 1,
});
await context.grantPermissions(["clipboard-read", "clipboard-write"]);
const page = await context.newPage();
page.setDefaultTimeout(30_000);

const report = { console: [], requests: [], seen: {} };
page.on("console", (message) => { if (message.type() === "error") report.console.push(message.text()); });
page.on("pageerror", (error) => report.console.push(String(error)));
page.on("request", (request) => report.requests.push({ method: request.method(), url: request.url(), referrer: request.headers().referer ?? null }));

try {
  for (const step of steps) {
    const [what, ...rest] = step;
    if (what === "goto") await page.goto(rest[0]);
    else if (what === "reload") await page.reload();
    else if (what === "click") await page.click(rest[0]);
    else if (what === "wait") await page.waitForSelector(rest[0]);
    else if (what === "press") await page.keyboard.press(rest[0]);
    else if (what === "text") report.seen[rest[1]] = await page.locator(rest[0]).allInnerTexts();
    else if (what === "attribute") report.seen[rest[2]] = await page.getAttribute(rest[0], rest[1]);
    else if (what === "clipboard") report.seen[rest[0]] = await page.evaluate(() => navigator.clipboard.readText());
    else if (what === "address") report.seen[rest[0]] = await page.evaluate(() => location.href);
    else if (what === "focus") report.seen[rest[0]] = await page.evaluate(() => document.activeElement?.tagName ?? null);
    else if (what === "overflow") report.seen[rest[0]] = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    else if (what === "small") report.seen[rest[0]] = await page.evaluate(() => [...document.querySelectorAll("button, a, summary")].filter((e) => e.offsetParent && e.getBoundingClientRect().height < 44).map((e) => e.textContent));
    else if (what === "say") console.log(JSON.stringify({ said: rest[0] }));
    else if (what === "shot") { if (shots) await page.screenshot({ path: `${shots}/${rest[0]}.png`, fullPage: true }); }
    else throw new Error(`no such step: ${what}`);
  }
} finally {
  await browser.close();
}
console.log(JSON.stringify(report));
