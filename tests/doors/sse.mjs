// Follows subscriptions as the client graphql-sse does, in distinct connections: node sse.mjs <url> <token>.
import { createClient } from 'graphql-sse';

const [url, token] = process.argv.slice(2);
const report = {};

async function collect(client, query) {
  const results = [];
  for await (const result of client.iterate({ query })) results.push(result);
  return results;
}

const client = createClient({ url, retryAttempts: 0 });
report.events = (await collect(client, 'subscription { count(to: 3) }')).map((r) => r.data.count);
report.query = (await collect(client, '{ who }'))[0].data.who;
report.invalid = (await collect(client, '{ nope }'))[0].errors[0].extensions.code;
const known = createClient({ url, retryAttempts: 0, headers: { authorization: `Bearer ${token}` } });
report.known = (await collect(known, '{ who }'))[0].data.who;
const wrong = createClient({ url, retryAttempts: 0, headers: { authorization: 'Bearer wrong-token' } });
report.stranger = await collect(wrong, '{ who }').catch((error) => error.response?.status ?? String(error));

const controller = new AbortController();
const response = await fetch(url, {
  method: 'POST', signal: controller.signal,
  headers: { 'content-type': 'application/json', accept: 'text/event-stream' },
  body: JSON.stringify({ query: 'subscription { silence }' }),
});
report.opened = response.status;
await response.body.getReader().read();
controller.abort();

console.log(JSON.stringify(report));
process.exit(0);
