// What a page of another origin does with the gateway. It runs in the browser; the test calls what `globalThis.story` holds.
const { document, EventSource, fetch, FormData, File, WebSocket } = globalThis;

const JSON_TYPE = { 'content-type': 'application/json' };
const bearer = (token) => (token ? { authorization: `Bearer ${token}` } : {});
/** What subscriptions have heard, by their names. */
const heard = {};
const hear = (name) => (heard[name] ??= []);

async function read(response) {
  return { status: response.status, requestId: response.headers.get('x-request-id'), body: await response.json() };
}

/** A failure is told by its name: a browser says no more of an answer that a page may not read. */
async function attempt(work) {
  try {
    return await work();
  } catch (error) {
    return { failed: error.name };
  }
}

globalThis.story = {
  heard,

  ask: (url, query, variables, token) =>
    attempt(async () =>
      read(
        await fetch(url, {
          method: 'POST',
          credentials: 'include',
          headers: { ...JSON_TYPE, ...bearer(token) },
          body: JSON.stringify({ query, variables }),
        }),
      ),
    ),

  get: (url, query, headers) =>
    attempt(async () => read(await fetch(`${url}?query=${encodeURIComponent(query)}`, { headers }))),

  upload: (url, query, token, base64) =>
    attempt(async () => {
      const bytes = Uint8Array.from(globalThis.atob(base64), (character) => character.charCodeAt(0));
      const form = new FormData();
      form.append('operations', JSON.stringify({ query, variables: { file: null } }));
      form.append('map', '{"0":["variables.file"]}');
      form.append('0', new File([bytes], 'otter.png', { type: 'image/png' }));
      const headers = { ...bearer(token), 'apollo-require-preflight': '1' };
      return read(await fetch(url, { method: 'POST', credentials: 'include', headers, body: form }));
    }),

  /** Resolves when the connection is acknowledged, or is over. */
  overWebSocket: (name, url, query, variables, token) =>
    new Promise((resolve) => {
      const socket = new WebSocket(url.replace('http', 'ws'), 'graphql-transport-ws');
      const send = (message) => socket.send(JSON.stringify(message));
      socket.onopen = () => send({ type: 'connection_init', payload: bearer(token) });
      socket.onmessage = ({ data }) => {
        const message = JSON.parse(data);
        if (message.type === 'connection_ack') {
          send({ type: 'subscribe', id: '1', payload: { query, variables } });
          resolve('acknowledged');
        } else hear(name).push(message.payload);
      };
      socket.onclose = ({ code }) => resolve(`closed ${code}`);
    }),

  /** Resolves when the stream is open, or has failed. */
  overEventSource: (name, url) =>
    new Promise((resolve) => {
      const source = new EventSource(url);
      source.addEventListener('next', ({ data }) => hear(name).push(JSON.parse(data)));
      source.addEventListener('complete', () => source.close());
      source.onopen = () => resolve('open');
      source.onerror = () => {
        if (source.readyState === EventSource.CLOSED) resolve('closed');
      };
    }),

  /** Asks for the URL that an EventSource opens. */
  ticket: (url, query, variables, token) =>
    attempt(async () => {
      const response = await fetch(`${url}/event-source`, {
        method: 'POST',
        headers: { ...JSON_TYPE, ...bearer(token) },
        body: JSON.stringify({ query, variables }),
      });
      return new globalThis.URL((await response.json()).url, response.url).href;
    }),

  overFetch: (name, url, query, variables, token) =>
    attempt(async () => {
      const response = await fetch(url, {
        method: 'POST',
        credentials: 'include',
        headers: { ...JSON_TYPE, ...bearer(token), accept: 'text/event-stream' },
        body: JSON.stringify({ query, variables }),
      });
      const reader = response.body.pipeThrough(new globalThis.TextDecoderStream()).getReader();
      void (async () => {
        let text = '';
        for (;;) {
          const { done, value } = await reader.read();
          if (done) return;
          text += value;
          const events = text.split('\n\n');
          text = events.pop();
          for (const event of events) {
            const data = /^data: (.+)$/m.exec(event)?.[1];
            if (data) hear(name).push(JSON.parse(data));
          }
        }
      })();
      return response.status;
    }),
};
document.title = 'ready';
