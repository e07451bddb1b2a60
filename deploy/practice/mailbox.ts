/**
 * The mailbox: a real SMTP server that takes every message, keeps it as a file, and shows all of them at a page and at
 * `GET /messages` (JSON, newest last). `DELETE /messages` empties it.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { simpleParser } from 'mailparser';
import { SMTPServer } from 'smtp-server';
import { inert } from './html.ts';

interface Message {
  id: number;
  from: string;
  to: string[];
  subject: string;
  date: string;
  raw: string;
  text: string;
  html: string | null;
}

interface Envelope {
  from: string;
  to: string[];
}

export interface Mailbox {
  close(): Promise<void>;
}

const MAX_BYTES = 25 * 1024 * 1024;

/**
 * Files are `000001.eml` with the envelope beside them, so that what is listed is what SMTP said. A message is taken when
 * it is kept, as by any mail server; what stands in it is only read when somebody looks.
 */
class Store {
  #dir: string;
  #kept: number[];
  #last: number;
  readonly #read = new Map<number, Message>();

  constructor(dir: string) {
    this.#dir = dir;
    mkdirSync(dir, { recursive: true });
    this.#kept = readdirSync(dir)
      .filter(f => f.endsWith('.eml'))
      .map(f => Number.parseInt(f, 10))
      .sort((a, b) => a - b);
    this.#last = this.#kept.at(-1) ?? 0;
  }

  #file(id: number): string {
    return join(this.#dir, String(id).padStart(6, '0'));
  }

  add(raw: Buffer, envelope: Envelope): void {
    const id = ++this.#last;
    const name = this.#file(id);
    writeFileSync(`${name}.json`, JSON.stringify(envelope));
    writeFileSync(`${name}.new`, raw);
    renameSync(`${name}.new`, `${name}.eml`);
    this.#kept.push(id);
  }

  async all(): Promise<Message[]> {
    const messages: Message[] = [];
    for (const id of [...this.#kept]) {
      const message = this.#read.get(id) ?? (await this.#take(id));
      if (message) messages.push(message);
    }
    return messages;
  }

  async #take(id: number): Promise<Message | null> {
    const name = this.#file(id);
    // Somebody else may have emptied it meanwhile.
    if (!existsSync(`${name}.eml`)) return null;
    const message = await read(id, readFileSync(`${name}.eml`), JSON.parse(readFileSync(`${name}.json`, 'utf8')));
    this.#read.set(id, message);
    return message;
  }

  clear(): void {
    for (const file of readdirSync(this.#dir)) rmSync(join(this.#dir, file));
    this.#kept = [];
    this.#read.clear();
  }
}

async function read(id: number, raw: Buffer, envelope: Envelope): Promise<Message> {
  const mail = await simpleParser(raw);
  return {
    id,
    from: mail.from?.text ?? envelope.from,
    to: envelope.to,
    subject: mail.subject ?? '',
    date: (mail.date ?? new Date()).toISOString(),
    raw: raw.toString('utf8'),
    text: mail.text ?? '',
    html: mail.html || null,
  };
}

/** @throws when one of the ports is taken */
export async function openMailbox(dir: string, smtpPort: number, httpPort: number): Promise<Mailbox> {
  const store = new Store(dir);
  const smtp = new SMTPServer({
    authOptional: true,
    disabledCommands: ['AUTH', 'STARTTLS'],
    disableReverseLookup: true,
    size: MAX_BYTES,
    closeTimeout: 500,
    onData(stream, session, done) {
      const chunks: Buffer[] = [];
      stream.on('data', (chunk: Buffer) => chunks.push(chunk));
      stream.on('end', () => {
        const from = session.envelope.mailFrom ? session.envelope.mailFrom.address : '';
        const to = session.envelope.rcptTo.map(r => r.address);
        try {
          store.add(Buffer.concat(chunks), { from, to });
          done();
        } catch (error) {
          done(error as Error);
        }
      });
    },
  });
  // A client that goes away in the middle of a session is no trouble of ours.
  smtp.on('error', () => {});
  await new Promise<void>((resolve, reject) => {
    smtp.server.once('error', reject);
    smtp.listen(smtpPort, '127.0.0.1', () => resolve());
  });
  const http = createServer(async (request, response) => {
    const { pathname } = new URL(request.url ?? '/', 'http://mailbox');
    const reply = await answer(store, request.method ?? 'GET', pathname).catch(broken);
    response.writeHead(reply.status, {
      'content-type': reply.type,
      'content-security-policy': POLICY,
      'x-content-type-options': 'nosniff',
    });
    response.end(reply.body);
  });
  await new Promise<void>((resolve, reject) =>
    http.once('error', reject).listen(httpPort, '127.0.0.1', () => resolve()),
  );
  return {
    close: async () => {
      http.closeAllConnections();
      await Promise.all([new Promise(r => http.close(r)), new Promise<void>(r => smtp.close(() => r()))]);
    },
  };
}

// ---------------------------------------------------------------- what HTTP shows

interface Reply {
  status: number;
  type: string;
  body: string;
}

/** Mails are shown as they would look, but nothing in them runs or is fetched from elsewhere. */
const POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-src 'self'; frame-ancestors 'self'";

const broken = (error: Error): Reply => ({ status: 500, type: 'text/plain', body: error.message });

async function answer(store: Store, method: string, path: string): Promise<Reply> {
  if (path === '/messages' && method === 'DELETE') {
    store.clear();
    return { status: 200, type: 'application/json', body: '[]' };
  }
  if (method !== 'GET' && method !== 'HEAD')
    return { status: 405, type: 'text/plain', body: 'GET or DELETE /messages' };
  if (path === '/messages') return { status: 200, type: 'application/json', body: JSON.stringify(await store.all()) };
  if (path === '/') return { status: 200, type: 'text/html; charset=utf-8', body: listPage(await store.all()) };
  const found = /^\/(html|text|raw)\/(\d+)$/.exec(path);
  const message = found && (await store.all()).find(m => m.id === Number(found[2]));
  if (!found || !message) return { status: 404, type: 'text/plain', body: 'not found' };
  if (found[1] === 'html')
    return {
      status: 200,
      type: 'text/html; charset=utf-8',
      body: message.html ?? `<pre>${inert(message.text)}</pre>`,
    };
  return { status: 200, type: 'text/plain; charset=utf-8', body: found[1] === 'raw' ? message.raw : message.text };
}

function listPage(messages: Message[]): string {
  const rows = messages
    .toReversed()
    .map(
      m =>
        `<article><h2><a href="/html/${m.id}">${inert(m.subject)}</a></h2><p>${inert(m.date)} · from ${inert(m.from)} · to ${inert(m.to.join(', '))} · ` +
        `<a href="/text/${m.id}">text</a> · <a href="/raw/${m.id}">source</a></p></article>`,
    );
  const style =
    'body{font:16px system-ui;margin:3rem auto;max-width:50rem}h2{font-size:1.1rem;margin:1.5rem 0 0}p{margin:.2rem 0;color:#555}';
  return `<!doctype html><html lang="en"><meta charset="utf-8"><title>Practice mailbox</title><style>${style}</style><h1>Practice mailbox</h1>${rows.join('') || '<p>No mail yet.</p>'}</html>`;
}
