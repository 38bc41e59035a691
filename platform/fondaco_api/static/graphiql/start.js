// Starts GraphiQL on /graphql: queries and mutations by POST, subscriptions as a stream of events.
'use strict';

function headersFor(options, accept) {
  return { accept, 'content-type': 'application/json', ...(options?.headers ?? {}) };
}

async function ask(params, options) {
  const response = await fetch('/graphql', {
    method: 'POST',
    headers: headersFor(options, 'application/graphql-response+json, application/json;q=0.9'),
    body: JSON.stringify(params),
    credentials: 'same-origin',
  });
  return response.json();
}

async function* follow(params, options) {
  const response = await fetch('/graphql', {
    method: 'POST',
    headers: headersFor(options, 'text/event-stream'),
    body: JSON.stringify(params),
    credentials: 'same-origin',
  });
  if (!response.ok) {
    yield response.json();
    return;
  }
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = '';
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      const events = (rest + value).split('\n\n');
      rest = events.pop();
      for (const event of events) {
        const data = event.split('\n').find((line) => line.startsWith('data: '));
        if (event.startsWith('event: complete')) return;
        if (data !== undefined) yield JSON.parse(data.slice(6));
      }
    }
  } finally {
    await reader.cancel();
  }
}

// By the text: the editor hands out its parsed document a moment late.
function isSubscription({ query, operationName }) {
  const text = query.replace(/#.*$/gm, '');
  return operationName ? new RegExp(`\\bsubscription\\s+${operationName}\\b`).test(text) : /^\s*subscription\b/.test(text);
}

const WELCOME = `# Press Ctrl-Enter to run this. You are a visitor;
# to be somebody, run the mutation signIn, or put
# { "authorization": "Bearer …" } into the headers.
{
  viewer {
    kind
    permissions
  }
  entitlements(first: 5) {
    nodes {
      name
      brand
      fulfilmentKind
    }
  }
}
`;

ReactDOM.createRoot(document.getElementById('graphiql')).render(
  React.createElement(GraphiQL, {
    fetcher: (params, options) => (isSubscription(params) ? follow(params, options) : ask(params, options)),
    defaultQuery: WELCOME,
    defaultEditorToolsVisibility: 'headers',
  }),
);
