/** Letters on a real SMTP server: delivered, threaded, refused, and what a dead server does. */

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { parseConfig } from '../../src/config/config.ts';
import { Refused, Retry } from '../../src/incident.ts';
import { USUAL_NAMES } from '../../src/names.ts';
import { alert } from '../../src/notify/letters/alert.ts';
import { resolved } from '../../src/notify/letters/resolved.ts';
import { userTell } from '../../src/notify/letters/user-tell.ts';
import { weekly } from '../../src/notify/letters/weekly.ts';
import { type Mailer, type MailerOptions, makeMailer } from '../../src/notify/mail.ts';
import { ALICE, PAPER } from './an-incident.ts';
import { type Manners, smtp } from './smtp.ts';

const undo: (() => unknown)[] = [];
afterEach(async () => {
  for (const step of undo.splice(0).reverse()) await step();
});

async function server(manners: Manners = {}): Promise<Awaited<ReturnType<typeof smtp>>> {
  const started = await smtp(manners);
  undo.push(started.close);
  return started;
}

function mailer(port: number, more = '', options: MailerOptions = {}): Mailer {
  const config = parseConfig(
    `mail: {host: 127.0.0.1, port: ${port}, from: "Readmit <readmit@site.example>", to: [ops@site.example], userDomain: site.example${more}}`,
    'x.yaml',
  );
  const made = makeMailer(config, { deadlineMs: 3000, ...options })!;
  undo.push(() => made.close());
  return made;
}
const smtpError = (message: string, responseCode: number): Error => Object.assign(new Error(message), { responseCode });

describe('delivery', () => {
  it('arrives whole: subject, both parts, one link, List-Id', async () => {
    const box = await server();
    const letter = alert(ALICE, PAPER);
    const delivery = await mailer(box.port).send(letter);
    expect(delivery).toMatchObject({
      accepted: ['ops@site.example'],
      refused: [],
      messageId: letter.headers['Message-ID'],
    });
    const [mail] = box.mails;
    expect(mail!.subject).toBe("[readmit] alice can't submit jobs: not in claw-users");
    expect(mail!.from?.text).toBe('"Readmit" <readmit@site.example>');
    expect(mail!.text).toContain('/usr/sbin/usermod -aG claw-users alice');
    expect(mail!.html).toContain('href="https://readmit.site.example/incidents/7"');
    expect(mail!.messageId).toBe(letter.headers['Message-ID']);
    expect(mail!.headerLines.find(h => h.key === 'list-id')?.line).toMatch(
      /^List-Id: Readmit <readmit\.site\.example>$/i,
    );
  });

  it('threads: what follows refers to the alert', async () => {
    const box = await server();
    const post = mailer(box.port);
    await post.send(alert(ALICE, PAPER));
    await post.send(resolved(ALICE, { ...PAPER, key: 'resolved-7' }, 'nothing'));
    const [first, second] = box.mails;
    expect(second!.inReplyTo).toBe(first!.messageId);
    expect(second!.references).toBe(first!.messageId);
  });

  it('carries the tables of the report', async () => {
    const box = await server();
    const csv = 'record,what\r\nnumber,denials\r\n';
    await mailer(box.port).send(
      weekly(
        {
          week: '2026-W47',
          headline: 'nobody was refused',
          text: 'Zahlen – 0',
          html: '<p>0</p>',
          csv,
          json: '{"v":1}',
        },
        PAPER,
      ),
    );
    const [mail] = box.mails;
    expect(mail!.attachments.map(a => [a.filename, a.contentType])).toEqual([
      ['readmit-2026-W47.csv', 'text/csv'],
      ['readmit-2026-W47.json', 'application/json'],
    ]);
    expect(mail!.attachments[0]!.content.toString()).toBe(csv);
    expect(mail!.text).toContain('Zahlen – 0');
  });

  it('signs in with the password from the file, and sees a corrected one without a restart', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'readmit-mail-'));
    undo.push(() => rmSync(dir, { recursive: true }));
    const file = join(dir, 'password');
    writeFileSync(file, 'wrong\n');
    const box = await server({
      authOptional: false,
      onAuth: (auth, _session, done) =>
        auth.password === 'right horse' ? done(null, { user: 'r' }) : done(new Error('no')),
    });
    const post = mailer(box.port, `, user: readmit, passwordFile: ${file}`);
    await expect(post.send(alert(ALICE, PAPER))).rejects.toBeInstanceOf(Retry);
    await expect(post.verify()).rejects.toThrow(/535/);
    writeFileSync(file, 'right horse\n');
    await post.send(alert(ALICE, PAPER));
    await post.verify();
    expect(box.mails).toHaveLength(1);
  });
});

describe('a server that lets its callers wait', () => {
  /** Both ends are in this process: what one has written the other has read. */
  const turns = async (): Promise<void> => {
    for (let n = 0; n < 10; n++) await turn();
  };

  /** Greets nobody before it is told to, and tells of every caller who comes and leaves. */
  async function reserved(
    manners: Manners = {},
  ): Promise<Awaited<ReturnType<typeof server>> & { calls: (() => void)[]; left: number[] }> {
    const calls: (() => void)[] = [];
    const left: number[] = [];
    const box = await server({
      onConnect: (_session, greet) => void calls.push(() => greet()),
      onClose: () => void left.push(calls.length),
      ...manners,
    });
    return { ...box, calls, left };
  }

  it('is called while the letter waits, and the letter goes over that connection', async () => {
    const box = await reserved();
    const post = mailer(box.port);
    post.expect(1500);
    post.expect(1500);
    await vi.waitFor(() => expect(box.calls).toHaveLength(1));
    box.calls[0]!();
    await post.send(alert(ALICE, PAPER));
    expect(box.mails).toHaveLength(1);
    expect(box.calls).toHaveLength(1);
  });

  it.each([
    ['STARTTLS', { disabledCommands: [] }, ''],
    ['TLS from the first byte', { secure: true }, ', secure: true'],
  ] as const)('with %s too', async (_what, manners, more) => {
    const box = await reserved({ ...manners, disabledCommands: [] });
    const post = mailer(box.port, more);
    post.expect(1500);
    const sent = vi.waitFor(() => expect(box.calls).toHaveLength(1)).then(() => box.calls[0]!());
    // Only somebody who speaks TLS is a caller of such a server.
    if (more === '') await sent;
    await Promise.all([sent, post.send(alert(ALICE, PAPER))]);
    expect(box.mails).toHaveLength(1);
    expect(box.calls).toHaveLength(1);
  });

  it('and has greeted nobody yet hears nothing when the letter does not come', async () => {
    const heard: string[] = [];
    const [called, left] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const silent = createServer(socket => {
      called.resolve();
      socket.on('data', chunk => heard.push(chunk.toString())).on('error', () => {});
      socket.on('close', () => left.resolve());
    });
    await new Promise<void>(ready => silent.listen(0, '127.0.0.1', ready));
    undo.push(() => new Promise<void>(done => silent.close(() => done())));
    const post = mailer((silent.address() as { port: number }).port);
    post.expect(1500);
    await called.promise;
    post.close();
    await left.promise;
    expect(heard).toEqual([]);
  });

  it('and hangs up meanwhile: the letter calls anew, and arrives', async () => {
    const box = await server();
    const gone = Promise.withResolvers<void>();
    let calls = 0;
    const door = createServer(socket => {
      socket.on('error', () => {});
      if (++calls > 1) return void socket.pipe(connect(box.port, '127.0.0.1')).pipe(socket);
      socket.on('close', () => gone.resolve());
      socket.end('421 too busy\r\n');
    });
    await new Promise<void>(ready => door.listen(0, '127.0.0.1', ready));
    undo.push(() => new Promise<void>(done => door.close(() => done())));
    const post = mailer((door.address() as { port: number }).port);
    post.expect(1500);
    await gone.promise;
    await post.send(alert(ALICE, PAPER));
    expect(box.mails).toHaveLength(1);
    expect(calls).toBe(2);
  });

  it('that refused to be called is not called again and again', async () => {
    const attempts: string[] = [];
    const hasty = createServer(socket => {
      attempts.push('call');
      socket.on('error', () => {}).destroy();
    });
    await new Promise<void>(ready => hasty.listen(0, '127.0.0.1', ready));
    undo.push(() => new Promise<void>(done => hasty.close(() => done())));
    const post = mailer((hasty.address() as { port: number }).port);
    post.expect(1500);
    await vi.waitFor(() => expect(attempts).toHaveLength(1));
    post.expect(1500);
    post.expect(1500);
    await expect(post.send(alert(ALICE, PAPER))).rejects.toBeInstanceOf(Retry);
    expect(attempts.length).toBeLessThanOrEqual(2);
  });

  it('is not called again while the line is open, and is again when it may be closed', async () => {
    const box = await reserved();
    let steady = 0;
    const post = mailer(box.port, '', { steady: () => steady });
    const sent = post.send(alert(ALICE, PAPER));
    await vi.waitFor(() => expect(box.calls).toHaveLength(1));
    box.calls[0]!();
    await sent;
    steady = 7000;
    post.expect(1500);
    // It would be under way before this letter is.
    await post.send(alert(ALICE, PAPER));
    expect(box.calls).toHaveLength(1);
    steady = 16_000;
    post.expect(1500);
    await vi.waitFor(() => expect(box.calls).toHaveLength(2));
  });

  it('is called for the letter that needs a new connection, since the line has carried as many as it may', async () => {
    const box = await reserved();
    const post = mailer(box.port);
    const first = post.send(alert(ALICE, PAPER));
    await vi.waitFor(() => expect(box.calls).toHaveLength(1));
    box.calls[0]!();
    await first;
    for (let n = 2; n <= 50; n++) {
      post.expect(1500);
      await post.send(alert(ALICE, PAPER));
    }
    expect(box.calls).toHaveLength(1);
    post.expect(1500);
    await vi.waitFor(() => expect(box.calls).toHaveLength(2));
    box.calls[1]!();
    await post.send(alert(ALICE, PAPER));
    expect(box.calls).toHaveLength(2);
    expect(box.mails).toHaveLength(51);
  });

  it('gets a goodbye when the letter does not come, and its answer is not taken for the next greeting', async () => {
    const box = await server();
    const heard: string[] = [];
    const [greeted, left, again] = [0, 1, 2].map(() => Promise.withResolvers<void>());
    let calls = 0;
    const door = createServer({ allowHalfOpen: true }, async socket => {
      socket.on('error', () => {});
      if (++calls === 1) {
        socket.on('data', chunk => {
          heard.push(chunk.toString());
          left!.resolve();
        });
        socket.write('220 at your service\r\n', () => greeted!.resolve());
        await again!.promise;
        socket.end('221 good bye\r\n');
      } else {
        again!.resolve();
        await turns();
        socket.pipe(connect(box.port, '127.0.0.1')).pipe(socket);
      }
    });
    await new Promise<void>(ready => door.listen(0, '127.0.0.1', ready));
    undo.push(() => new Promise<void>(done => door.close(() => done())));
    const post = mailer((door.address() as { port: number }).port);
    post.expect(1500);
    await greeted!.promise;
    await turns();
    post.close();
    await left!.promise;
    expect(heard).toEqual(['QUIT\r\n']);
    post.expect(1500);
    await again!.promise;
    await turns();
    await post.send(alert(ALICE, PAPER));
    expect(box.mails).toHaveLength(1);
    expect(calls).toBe(2);
  });

  it('or is not there: that is the business of the letter', async () => {
    const box = await server();
    await box.close();
    undo.pop();
    const post = mailer(box.port);
    post.expect(1500);
    await expect(post.send(alert(ALICE, PAPER))).rejects.toBeInstanceOf(Retry);
    const back = await smtp({}, box.port);
    // Undone last: it waits until nobody is on the line.
    undo.unshift(back.close);
    post.expect(1500);
    await post.send(alert(ALICE, PAPER));
    expect(back.mails).toHaveLength(1);
  });
});

describe('recipients', () => {
  it('D27: nobody whom the configuration does not name, whatever the letter says', async () => {
    const box = await server();
    const post = mailer(box.port);
    const letter = alert(ALICE, PAPER);
    for (const to of [
      'mallory@evil.example',
      'alice@evil.example',
      'ops@site.example, mallory@evil.example',
      'Ops <mallory@evil.example>',
      'ALICE@site.example',
    ])
      await expect(post.send({ ...letter, to: [to] })).rejects.toBeInstanceOf(Refused);
    await expect(post.send({ ...letter, to: [] })).rejects.toBeInstanceOf(Refused);
    await expect(
      post.send({ ...letter, headers: { ...letter.headers, 'X-A': 'b\r\nBcc: mallory@evil.example' } }),
    ).rejects.toBeInstanceOf(Refused);
    await expect(post.send({ ...letter, subject: 'a\r\nBcc: mallory@evil.example' })).rejects.toBeInstanceOf(Refused);
    expect(box.mails).toEqual([]);
  });

  it('users at the site domain are written to', async () => {
    const box = await server();
    const advice = { to: 'user' as const, text: 'Log in again.', commands: ['clw login'], check: 'clw whoami' };
    await mailer(box.port).send(
      userTell(
        { user: 'alice', host: 'h', incident: '7', title: 'Your token has expired', advice, at: ALICE.opened },
        PAPER,
        { mail: { userDomain: 'site.example' }, userNames: USUAL_NAMES },
      )!,
    );
    expect(box.recipients).toEqual([['alice@site.example']]);
  });
});

describe('when it fails', () => {
  it.each([
    ['a recipient that does not exist', 'onRcptTo', 550, Refused],
    ['greylisting', 'onRcptTo', 451, Retry],
    ['content that is not taken', 'onData', 554, Refused],
    ['a full disk there', 'onData', 452, Retry],
  ] as const)('%s', async (_what, hook, code, kind) => {
    const no = smtpError('no', code);
    const box = await server(
      hook === 'onRcptTo'
        ? { onRcptTo: (_a, _s, done) => done(no) }
        : { onData: (stream, _s, done) => stream.resume().on('end', () => done(no)) },
    );
    const failure = await mailer(box.port)
      .send(alert(ALICE, PAPER))
      .catch((e: unknown) => e);
    expect(failure).toBeInstanceOf(kind);
    expect((failure as Error).message).toContain(String(code));
  });

  it('D25: a dead server means later, at once, and the next letter goes when it is back', async () => {
    const box = await server();
    const dead = await new Promise<number>(ready => {
      const probe: Server = createServer().listen(0, '127.0.0.1', () => {
        const { port } = probe.address() as { port: number };
        probe.close(() => ready(port));
      });
    });
    await expect(mailer(dead).send(alert(ALICE, PAPER))).rejects.toBeInstanceOf(Retry);
    await expect(mailer(dead).verify()).rejects.toThrow(/ECONNREFUSED/);
    await mailer(box.port).send(alert(ALICE, PAPER));
    expect(box.mails).toHaveLength(1);
  });

  it('a server that never answers costs no more than the deadline', async () => {
    const sockets: Socket[] = [];
    const silent = createServer(socket => sockets.push(socket.on('error', () => {})));
    await new Promise<void>(ready => silent.listen(0, '127.0.0.1', ready));
    undo.push(() => {
      for (const socket of sockets) socket.destroy();
      return new Promise<void>(done => silent.close(() => done()));
    });
    const config = parseConfig(
      `mail: {host: 127.0.0.1, port: ${(silent.address() as { port: number }).port}, to: [ops@site.example]}`,
      'x.yaml',
    );
    const post = makeMailer(config, { deadlineMs: 150 })!;
    undo.push(() => post.close());
    const started = performance.now();
    await expect(post.send(alert(ALICE, PAPER))).rejects.toBeInstanceOf(Retry);
    expect(performance.now() - started).toBeLessThan(2000);
  });

  it('no server configured: no mailer', () => {
    expect(makeMailer(parseConfig('', 'x.yaml'))).toBeNull();
  });
});
