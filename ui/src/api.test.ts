import { describe, expect, it } from 'vitest';
import { Api, ApiError, inDesktopWindow, type Browser } from './api';
import { quiet } from './fixtures/status';

interface Request {
  path: string;
  method: string;
  authorization: string | undefined;
  body: unknown;
}

/** A browser whose server answers by path, and a record of what was asked. */
function fakeBrowser(answers: Record<string, { status?: number; body?: unknown } | 'offline'>, hash = '', token: string | null = null) {
  const requests: Request[] = [];
  const addresses: string[] = [];
  const stored = new Map<string, string>(token === null ? [] : [['outlay.token', token]]);
  const browser: Browser = {
    fetch: (input, init) => {
      const path = String(input);
      const headers = (init?.headers ?? {}) as Record<string, string>;
      requests.push({ path, method: init?.method ?? 'GET', authorization: headers.Authorization, body: init?.body });
      const answer = answers[path.replace('/api/v1', '')];
      if (answer === undefined || answer === 'offline') return Promise.reject(new TypeError('Failed to fetch'));
      const text = answer.body === undefined ? 'not json' : JSON.stringify(answer.body);
      return Promise.resolve(new Response(text, { status: answer.status ?? 200 }));
    },
    location: { protocol: 'http:', hostname: '127.0.0.1', hash, pathname: '/', search: '' },
    history: { replaceState: (_data, _unused, url) => void addresses.push(String(url)) },
    sessionStorage: {
      getItem: (key) => stored.get(key) ?? null,
      setItem: (key, value) => void stored.set(key, value),
      removeItem: (key) => void stored.delete(key),
    },
  };
  return { browser, requests, addresses, stored };
}

describe('signIn', () => {
  it('trades the code once, drops it from the address and keeps the bearer', async () => {
    const { browser, requests, addresses, stored } = fakeBrowser({ '/login': { body: { token: 'bearer-1' } }, '/status': { body: quiet } }, '#code=K7Q2');
    const api = new Api(browser);
    expect(await api.signIn()).toBe('ready');
    expect(addresses).toEqual(['/']);
    expect(stored.get('outlay.token')).toBe('bearer-1');
    expect(requests).toEqual([{ path: '/api/v1/login', method: 'POST', authorization: undefined, body: '{"code":"K7Q2"}' }]);
    await api.status();
    expect(requests[1]?.authorization).toBe('Bearer bearer-1');
  });

  it('drops the code from the address even where it is not accepted', async () => {
    const { browser, addresses, stored } = fakeBrowser({ '/login': { status: 401, body: { error: 'unauthorized', message: 'no' } } }, '#code=old');
    expect(await new Api(browser).signIn()).toBe('code_rejected');
    expect(addresses).toEqual(['/']);
    expect(stored.size).toBe(0);
  });

  it('goes on with the login it has where a further code is not accepted', async () => {
    const { browser } = fakeBrowser({ '/login': { status: 401 } }, '#code=old', 'bearer-1');
    expect(await new Api(browser).signIn()).toBe('ready');
  });

  it('asks nobody without a code', async () => {
    const { browser, requests } = fakeBrowser({});
    expect(await new Api(browser).signIn()).toBe('no_token');
    expect(requests).toEqual([]);
  });

  it('needs no token in the desktop window', async () => {
    const { browser, requests } = fakeBrowser({ '/pulse': { body: { revision: 3 } } });
    browser.location.protocol = 'outlay-app:';
    const api = new Api(browser);
    expect(await api.signIn()).toBe('ready');
    expect(await api.pulse()).toEqual({ revision: 3 });
    expect(requests[0]?.authorization).toBeUndefined();
  });
});

describe('inDesktopWindow', () => {
  it.each([
    ['outlay-app:', 'localhost', true],
    ['http:', 'outlay-app.localhost', true],
    ['http:', 'localhost', false],
    ['http:', '127.0.0.1', false],
  ])('%s//%s', (protocol, hostname, desktop) => {
    expect(inDesktopWindow({ protocol, hostname })).toBe(desktop);
  });
});

describe('a request that fails', () => {
  it.each([
    ['401', { status: 401, body: { error: 'unauthorized', message: 'x' } }, 'signed_out', 'This page is not signed in.'],
    ['an error body', { status: 500, body: { error: 'busy', message: 'The ledger is busy.' } }, 'failed', 'The ledger is busy.'],
    ['no JSON', { status: 502 }, 'failed', 'The API answered with status 502.'],
    ['no JSON with 200', { status: 200 }, 'failed', 'The API answered with something else than JSON.'],
    ['nobody', 'offline' as const, 'offline', 'Outlay does not answer. Start it with outlay serve.'],
  ])('%s', async (_name, answer, failure, message) => {
    const { browser } = fakeBrowser({ '/status': answer }, '', 'bearer-1');
    const error = await new Api(browser).status().catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(ApiError);
    expect(error).toMatchObject({ failure, message });
  });

  it('forgets the bearer after 401', async () => {
    const { browser, stored } = fakeBrowser({ '/pulse': { status: 401, body: {} } }, '', 'bearer-1');
    await expect(new Api(browser).pulse()).rejects.toThrow(ApiError);
    expect(stored.size).toBe(0);
  });
});

it('tells the API\'s name for what is wrong', async () => {
  const { browser } = fakeBrowser({ '/prices/any/m': { status: 409, body: { error: 'unlikely_price', message: 'A figure is far off.' } } }, '', 'bearer-1');
  await expect(new Api(browser).setPrice('', 'm', { input: '1', output: '1' })).rejects.toMatchObject({ message: 'A figure is far off.', code: 'unlikely_price' });
});

it('asks with the documented queries', async () => {
  const { browser, requests } = fakeBrowser({}, '', 'bearer-1');
  const api = new Api(browser);
  const asked = [
    api.usage({ since: '2026-10-23', by: 'day', timezone: 'Europe/Berlin' }),
    api.calls(50),
    api.alerts(200),
  ];
  await Promise.allSettled(asked);
  expect(requests.map((request) => request.path)).toEqual([
    '/api/v1/usage?since=2026-10-23&timezone=Europe%2FBerlin&by=day',
    '/api/v1/calls?limit=50',
    '/api/v1/alerts?limit=200',
  ]);
});

it('marks alerts as seen: some, or all', async () => {
  const { browser, requests } = fakeBrowser({ '/alerts/acknowledgements': { body: { acknowledged: 2 } } }, '', 'bearer-1');
  const api = new Api(browser);
  await api.acknowledge(['a', 'b']);
  await api.acknowledge(null);
  expect(requests.map(({ method, path, body }) => [method, path, body])).toEqual([
    ['POST', '/api/v1/alerts/acknowledgements', '{"ids":["a","b"]}'],
    ['POST', '/api/v1/alerts/acknowledgements', '{}'],
  ]);
});
