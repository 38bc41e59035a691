// Talks graphql-transport-ws as the client graphql-ws does, and as nobody should: node ws.mjs <ws url> <token>.
import { createClient } from 'graphql-ws';
import WebSocket from 'ws';

const [url, token] = process.argv.slice(2);
const report = {};

async function collect(client, query, variables) {
  const results = [];
  for await (const result of client.iterate({ query, variables })) results.push(result);
  return results;
}

function rude(messages, protocol = 'graphql-transport-ws', options = {}) {
  return new Promise((resolve) => {
    const socket = new WebSocket(url, protocol, options);
    socket.on('open', () => messages.forEach((message) => socket.send(message)));
    socket.on('message', (data, binary) => { if (binary) resolve('binary'); });
    socket.on('close', (code) => resolve(code));
    socket.on('unexpected-response', (_, response) => resolve(`http ${response.statusCode}`));
    socket.on('error', () => {});
  });
}

const client = createClient({ url, webSocketImpl: WebSocket, retryAttempts: 0 });
report.events = (await collect(client, 'subscription { count(to: 3) }')).map((r) => r.data.count);
report.query = (await collect(client, '{ who }'))[0].data.who;
report.invalid = await collect(client, '{ nope }').catch((errors) => errors[0].extensions.code);
await client.dispose();

const known = createClient({ url, webSocketImpl: WebSocket, retryAttempts: 0, connectionParams: { authorization: `Bearer ${token}` } });
report.known = (await collect(known, '{ who }'))[0].data.who;
await known.dispose();

const init = JSON.stringify({ type: 'connection_init' });
const silence = JSON.stringify({ id: '1', type: 'subscribe', payload: { query: 'subscription { silence }' } });
report.stranger = await rude([JSON.stringify({ type: 'connection_init', payload: { authorization: 'Bearer wrong-token' } })]);
report.notJson = await rude([init, 'hello']);
report.notAnObject = await rude([init, '[]']);
report.unknownType = await rude([init, '{"type":"start"}']);
report.badPayload = await rude(['{"type":"connection_init","payload":7}']);
report.binary = await rude([Buffer.from(init)]);
report.subscribedFirst = await rude([silence]);
report.idInUse = await rude([init, silence, silence]);
report.initTwice = await rude([init, init]);
report.noProtocol = await rude([], []);
report.neverBegan = await rude([]);
report.tooLong = await rude([init, JSON.stringify({ type: 'ping', payload: { pad: 'x'.repeat(300 * 1024) } })]);
report.foreignPage = await rude([], 'graphql-transport-ws', { origin: 'https://elsewhere.example' });
report.ownPage = (await collect(createClient({ url, webSocketImpl: class extends WebSocket {
  constructor(address, protocols) { super(address, protocols, { origin: new URL(address.replace('ws', 'http')).origin }); }
}, retryAttempts: 0 }), '{ who }'))[0].data.who;

console.log(JSON.stringify(report));
process.exit(0);
