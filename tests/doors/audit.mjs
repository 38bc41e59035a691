// Runs the public audit of graphql-http against a server: node audit.mjs <url>. Prints what is not "ok" as JSON.
import { serverAudits } from 'graphql-http';

const findings = [];
let passed = 0;
for (const audit of serverAudits({ url: process.argv[2], fetchFn: fetch })) {
  const result = await audit.fn();
  if (result.status === 'ok') passed += 1;
  else findings.push({ id: audit.id, name: audit.name, status: result.status, reason: result.reason });
}
console.log(JSON.stringify({ passed, findings }));
