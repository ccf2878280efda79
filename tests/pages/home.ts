/**
 * Homes in which the real binary runs: copies of those that `tests/tests/pages.rs` has prepared, so that what one
 * spec changes is seen by no other.
 */

import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { test } from '@playwright/test';

/** `month`: two months of calls. `logs`: nothing but the logs of eight tools. `bare`: nothing at all. */
export type Kind = 'month' | 'logs' | 'bare';

/** What `pages.rs` hands over. */
interface Prepared {
  binary: string;
  /** Of everything that runs in a home; it sets the clock and where the provider is. */
  environment: Record<string, string>;
  homes: Record<Kind, string>;
}

/** A model whose output costs $10 per million tokens, and whose input is free. */
export const STORY_MODEL = 'story-model';
const CHAT = '/openai/v1/chat/completions';

function prepared(): Prepared {
  const text = process.env.OUTLAY_PAGES_PREPARED;
  if (text === undefined) throw new Error('OUTLAY_PAGES_PREPARED is not set: see CONTRIBUTING.md for how these tests are run');
  return JSON.parse(text) as Prepared;
}

/** A home with a running server. */
export class Home {
  readonly folder = mkdtempSync(join(tmpdir(), 'outlay-page-'));
  address = '127.0.0.1:0';
  readonly #prepared = prepared();
  #server: ChildProcess | null = null;

  constructor(kind: Kind) {
    cpSync(this.#prepared.homes[kind], this.folder, { recursive: true, preserveTimestamps: true });
  }

  /** A copy of a prepared home, with its server. */
  static async of(kind: Kind): Promise<Home> {
    const home = new Home(kind);
    await home.serve();
    return home;
  }

  /** Starts the server: at the first time on a port of the system's choice, later where it was. */
  async serve(): Promise<void> {
    // It ends with this process, whatever ends that.
    const words = ['--pdeathsig', 'KILL', this.#prepared.binary, 'serve', '--listen', this.address];
    const server = spawn('setpriv', words, { env: this.#environment(), cwd: this.folder, stdio: ['ignore', 'pipe', 'inherit'] });
    const lines = createInterface(server.stdout);
    const first = await new Promise<string>((resolve, reject) => {
      lines.once('line', resolve);
      server.once('exit', (code) => reject(new Error(`outlay serve ended with ${code}`)));
    });
    lines.on('line', () => {});
    const address = /^proxy http:\/\/(.+)$/.exec(first)?.[1];
    if (address === undefined) throw new Error(`outlay serve printed ${first}`);
    this.address = address;
    this.#server = server;
  }

  /** Ends the server, as its user would. */
  async stop(): Promise<void> {
    const server = this.#server;
    if (server === null) return;
    this.#server = null;
    const ended = new Promise((resolve) => server.once('exit', resolve));
    server.kill('SIGTERM');
    await ended;
  }

  /** Ends the server and deletes the home. */
  async leave(): Promise<void> {
    await this.stop();
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** Runs an `outlay` command and returns what it printed. */
  outlay(...words: string[]): string {
    return execFileSync(this.#prepared.binary, words, { encoding: 'utf8', env: this.#environment(), cwd: this.folder, maxBuffer: 64 << 20 });
  }

  /** Runs an `outlay` command that answers with JSON. */
  json<T>(...words: string[]): T {
    return JSON.parse(this.outlay(...words, '--json')) as T;
  }

  /** What the local API answers; `path` is what follows `/api/v1`. */
  async api<T>(path: string, method = 'GET', body?: unknown): Promise<T> {
    const token = this.read('data/token').trim();
    const answer = await fetch(`http://${this.address}/api/v1${path}`, {
      method,
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${text}`);
    return (text === '' ? null : JSON.parse(text)) as T;
  }

  /** Makes a call through the proxy, of 200 output tokens: $0.002. Its status, once it is answered. */
  async call(headers: Record<string, string> = {}, model = STORY_MODEL): Promise<number> {
    const answer = await fetch(`http://${this.address}${CHAT}`, {
      method: 'POST',
      headers: { authorization: 'Bearer sk-test', 'content-type': 'application/json', 'x-script': JSON.stringify({ output_tokens: 500 }), ...headers },
      body: JSON.stringify({ model, max_tokens: 200, messages: [{ role: 'user', content: 'Hello' }] }),
    });
    await answer.arrayBuffer();
    return answer.status;
  }

  /** A file of the home. */
  read(path: string): string {
    return readFileSync(join(this.folder, path), 'utf8');
  }

  write(path: string, text: string): void {
    const file = join(this.folder, path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
  }

  /** The settings as they stand in the file. */
  settings(): string {
    return this.read('outlay.toml');
  }

  #environment(): NodeJS.ProcessEnv {
    const { folder } = this;
    const { environment } = this.#prepared;
    // What a spec plays stands before what the machine has.
    return { ...environment, PATH: `${join(folder, 'bin')}:${environment.PATH}`, HOME: folder, OUTLAY_DATA_DIR: join(folder, 'data'), OUTLAY_CONFIG: join(folder, 'outlay.toml') };
  }
}

/** A home of the spec's own, for specs that change something; it is there while its tests run. */
export function ownHome(kind: Kind): { readonly current: Home } {
  let home: Home | undefined;
  test.beforeAll(async () => {
    home = await Home.of(kind);
  });
  test.afterAll(async () => {
    await home?.leave();
  });
  return {
    get current(): Home {
      if (home === undefined) throw new Error('a home is there only while tests run');
      return home;
    },
  };
}
