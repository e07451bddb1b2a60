/** What each chat is sent, as its maker documents it, over a real HTTP server; and what a hostile log can't make of it. */
import { execFileSync } from 'node:child_process';
import { createHmac } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Receiver } from '../../src/config/notify.ts';
import { Doubtful, Refused, Retry } from '../../src/incident.ts';
import { mattermostMessage } from '../../src/notify/chats/mattermost.ts';
import { slackMessage } from '../../src/notify/chats/slack.ts';
import { teamsMessage } from '../../src/notify/chats/teams.ts';
import { deliver } from '../../src/notify/deliver.ts';
import { alert } from '../../src/notify/letters/alert.ts';
import { digest } from '../../src/notify/letters/digest.ts';
import { needsSecondVote } from '../../src/notify/letters/second-vote.ts';
import { postJson } from '../../src/notify/post-json.ts';
import { ALICE, CONFIG, PAPER } from './an-incident.ts';
import { type Hooks, hooks } from './hooks.ts';

const LINK = 'https://readmit.site.example/incidents/7';
const AT = Date.parse('2026-11-23T09:15:00Z');
let hook: Hooks;
let dir: string;
beforeEach(async () => {
  hook = await hooks();
  dir = mkdtempSync(join(tmpdir(), 'rdm-chat-'));
});
afterEach(async () => {
  await hook.close();
  rmSync(dir, { recursive: true, force: true });
});

const file = (name: string, text: string): string => {
  writeFileSync(join(dir, name), text, { mode: 0o600 });
  return join(dir, name);
};
const send = (receiver: Receiver, key = 'alert-7') =>
  deliver(receiver, null, {
    what: 'alert',
    letter: alert(ALICE, PAPER),
    row: ALICE,
    paper: { ...PAPER, key },
    now: AT,
  });
const chatAt = (type: 'slack' | 'mattermost' | 'teams'): Receiver => ({
  type,
  name: 'ops',
  urlFile: file('url', `${hook.origin}/services/T0/B0/s3cret\n`),
  caFile: null,
});

describe('as documented', () => {
  it('Slack: an incoming webhook with Block Kit', async () => {
    await send(chatAt('slack'));
    const [came] = hook.came;
    expect(came).toMatchObject({ method: 'POST', path: '/services/T0/B0/s3cret' });
    expect(came!.headers['content-type']).toBe('application/json');
    const message = JSON.parse(came!.body);
    expect(message.text).toBe("[readmit] alice can't submit jobs: not in claw-users");
    expect(message.blocks[0]).toEqual({
      type: 'header',
      text: { type: 'plain_text', text: "alice can't submit jobs: she is not in claw-users.", emoji: false },
    });
    expect(message.blocks.at(-1)).toEqual({
      type: 'section',
      text: { type: 'mrkdwn', text: `<${LINK}|Open the plan>`, verbatim: true },
    });
    for (const block of message.blocks) {
      expect(Object.keys(block)).toEqual(['type', 'text']);
      expect(['header', 'section']).toContain(block.type);
      expect(block.text.text.length).toBeLessThanOrEqual(block.type === 'header' ? 150 : 3000);
    }
    expect(message).toMatchObject({ unfurl_links: false, unfurl_media: false });
  });

  it('Mattermost: an incoming webhook with Markdown', async () => {
    await send(chatAt('mattermost'));
    const message = JSON.parse(hook.came[0]!.body);
    expect(Object.keys(message)).toEqual(['text']);
    expect(message.text).toMatch(
      /^#### alice can't submit jobs: she is not in claw-users\.\n\nThe scheduler on claw-head-01/,
    );
    expect(message.text.endsWith(`[Open the plan](${LINK})`)).toBe(true);
  });

  it('Teams: a workflow with one Adaptive Card', async () => {
    await send(chatAt('teams'));
    const message = JSON.parse(hook.came[0]!.body);
    expect(message).toMatchObject({
      type: 'message',
      attachments: [
        {
          contentType: 'application/vnd.microsoft.card.adaptive',
          contentUrl: null,
          content: {
            $schema: 'http://adaptivecards.io/schemas/adaptive-card.json',
            type: 'AdaptiveCard',
            version: '1.4',
            actions: [{ type: 'Action.OpenUrl', title: 'Open the plan', url: LINK }],
          },
        },
      ],
    });
    const { body } = message.attachments[0].content;
    expect(body[0].inlines[0]).toMatchObject({ type: 'TextRun', weight: 'Bolder' });
    // Runs of text are no Markdown; a TextBlock would be.
    expect(JSON.stringify(body)).not.toContain('"TextBlock"');
  });

  it('a program of the site: signed as Standard Webhooks says; sent again, it is the same message', async () => {
    const secret = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';
    const receiver: Receiver = {
      type: 'webhook',
      name: 'site',
      url: `${hook.origin}/readmit`,
      secretFile: file('secret', secret),
      caFile: null,
    };
    await send(receiver);
    await send(receiver);
    await send(receiver, 'alert-8');
    const [first, again, other] = hook.came;
    const { 'webhook-id': id, 'webhook-timestamp': at, 'webhook-signature': signed } = first!.headers;
    expect(at).toBe(String(AT / 1000));
    const mac = createHmac('sha256', Buffer.from(secret.slice(6), 'base64')).update(`${id}.${at}.${first!.body}`);
    expect(signed).toBe(`v1,${mac.digest('base64')}`);
    expect(again!.headers['webhook-id']).toBe(id);
    expect(other!.headers['webhook-id']).not.toBe(id);
    const body = JSON.parse(first!.body);
    expect(body).toMatchObject({
      type: 'readmit.alert',
      timestamp: '2026-11-23T09:15:00.000Z',
      data: { link: LINK, incident: { id: '7', state: 'proposed', cause: 'openclaw/missing-group', needs: 1 } },
    });
    expect(body.data.text).toContain('/usr/sbin/usermod -aG claw-users alice');
    expect(body.data.text).not.toContain('https://');
  });

  it('a letter whose link is its end is there whole: the plan that needs a second vote', () => {
    const letter = needsSecondVote(CONFIG, PAPER);
    for (const message of [slackMessage(letter), mattermostMessage(letter), teamsMessage(letter)])
      expect(JSON.stringify(message)).toContain('/usr/bin/systemctl restart claw-scheduler');
  });
});

describe('more than a chat takes', () => {
  const LONG = Array.from({ length: 400 }, (_, n) => `+ line ${n} ${'x'.repeat(180)}`).join('\n');
  const letter = needsSecondVote(
    {
      ...CONFIG,
      plan: {
        ...CONFIG.plan!,
        summary: '',
        notes: Array(200).fill('n'.repeat(500)),
        steps: [{ action: 'x', diff: LONG }],
      },
    },
    PAPER,
  );
  const link = 'https://readmit.site.example/incidents/8';

  it.each([
    ['Slack', slackMessage(letter), 45_000, '…\\n```'],
    ['Mattermost', mattermostMessage(letter), 16_383, 'There is more of it on the page'],
    ['Teams', teamsMessage(letter), 28_000, '… and 350 more lines'],
  ] as const)('%s: the message fits, says that there is more, and keeps its link', (_, message, bytes, sign) => {
    const text = JSON.stringify(message);
    expect(Buffer.byteLength(text)).toBeLessThan(bytes);
    expect([text.includes(sign), text.includes(link)]).toEqual([true, true]);
  });

  it.each([
    ['an alert each', 40, 'projuser', ''],
    ['as long as they get', 70, '&'.repeat(580), ' & <so> on'],
  ] as const)('a digest names each incident or says how many it does not: %s', (_, many, key, end) => {
    const rows = Array.from({ length: many }, (_, n) => ({
      ...ALICE,
      id: String(n + 1),
      key,
      headline: `${key} can't submit jobs: not in claw-users, nor anywhere${end}`,
    }));
    for (const message of [slackMessage, mattermostMessage, teamsMessage]) {
      const text = JSON.stringify(message(digest(rows, many, null, PAPER)));
      const named = new Set(text.match(/#\d+(?= \()|#\d+(?= \\\\\()/g)).size;
      const more = [...text.matchAll(/And (\d+) more, on the page/g)].reduce((sum, m) => sum + Number(m[1]), 0);
      expect(named).toBeGreaterThanOrEqual(5);
      expect(named + more).toBe(many);
      expect(text).toContain('https://readmit.site.example/');
    }
    for (const { text } of (slackMessage(digest(rows, many, null, PAPER)) as { blocks: { text: { text: string } }[] })
      .blocks)
      expect(text.text.length).toBeLessThanOrEqual(3000);
  });

  it('what says nothing is left out: Slack refuses a message with an empty text in it', () => {
    const { blocks } = slackMessage(letter) as { blocks: { text: { text: string } }[] };
    for (const block of blocks) expect(block.text.text.trim()).not.toBe('');
  });
});

describe('hostile text', () => {
  const EVIL = [
    '<!channel>',
    '<!here|here>',
    '<@U123>',
    '<http://evil.example|Open the plan>',
    '<https://evil.example>',
    '@channel',
    '@here',
    '@all',
    '~town-square',
    '[Open the plan](http://evil.example)',
    '![x](http://evil.example/x.png)',
    '`code` ```',
    '*bold* _it_ ~gone~',
    '&lt;!channel&gt;',
    'a\n# b\n> c',
    '\u202egpj.exe',
    'www.evil.example',
    '<at>everyone</at>',
    'mailto:a@evil.example',
  ];
  const letterOf = (evil: string) =>
    needsSecondVote(
      {
        ...CONFIG,
        key: evil,
        headline: evil,
        host: evil,
        pairs: [{ ...ALICE.pairs[0]!, user: evil, ip: evil, endpoint: evil }],
        plan: {
          ...CONFIG.plan!,
          summary: evil,
          notes: [evil],
          entitlement: evil,
          steps: [{ action: 'x', diff: evil }],
        },
      },
      PAPER,
    );
  const textsOf = (value: unknown): string[] =>
    typeof value === 'string'
      ? [value]
      : value && typeof value === 'object'
        ? Object.values(value).flatMap(textsOf)
        : [];

  it.each(EVIL)('D22, Slack: %j', evil => {
    const texts = textsOf(slackMessage(letterOf(evil)));
    // The only thing in angle brackets is our own link.
    expect(texts.join('\n').match(/<(?!\u200b)[^>]*>/g)).toEqual([
      '<https://readmit.site.example/incidents/8|Open the plan>',
    ]);
    for (const text of texts) {
      expect(text).not.toMatch(/@(channel|here|all|everyone|U123)/);
      expect(text.replaceAll('```', '')).not.toContain('`');
      expect(text.split('```').length % 2).toBe(1);
      if (!text.startsWith('<https')) expect(text).not.toMatch(/https?:\/\/|www\.|\u202e/);
    }
  });

  it.each(EVIL)('D22, Mattermost: %j', evil => {
    const { text } = mattermostMessage(letterOf(evil)) as { text: string };
    const marked = text.replace(/```[\s\S]*?```/g, '');
    expect(marked.match(/(?<!\\)\]\([^)]*\)/g)).toEqual(['](https://readmit.site.example/incidents/8)']);
    expect(text).not.toMatch(/@(channel|here|all|everyone|U123)|~(town|gone)|<[!@#ha]|www\.|\u202e/);
    expect(text.match(/https?:\/\//g)).toEqual(['https://']);
    expect(text.match(/```/g)).toHaveLength(2);
  });

  it.each(EVIL)('D22, Teams: %j', evil => {
    const message = teamsMessage(letterOf(evil)) as { attachments: { content: { body: object; actions: object[] } }[] };
    const { body, actions } = message.attachments[0]!.content;
    expect(actions).toHaveLength(1);
    expect(JSON.stringify(message)).not.toContain('"entities"');
    for (const text of textsOf(body)) expect(text).not.toMatch(/https?:\/\/|www\.|\u202e|\n/);
  });
});

describe('on the way', () => {
  it.each([
    [400, Doubtful],
    [413, Refused],
    [422, Refused],
    [302, Retry],
    [401, Retry],
    [403, Retry],
    [404, Retry],
    [410, Retry],
    [429, Retry],
    [500, Retry],
  ] as const)('%i: for ever or for now', async (status, kind) => {
    hook.manner = {
      status,
      ...(status === 302 ? { headers: { location: `${hook.origin}/elsewhere` } } : {}),
      body: 'no',
    };
    const failure = await send(chatAt('slack')).catch((e: unknown) => e);
    expect(failure).toBeInstanceOf(kind);
    expect((failure as Error).message).toContain(`answered ${status}`);
    expect((failure as Error).message).not.toContain('s3cret');
    expect(hook.to('/elsewhere')).toEqual([]);
  });

  it('who never answers costs no more than the deadline', async () => {
    hook.manner = 'silent';
    const started = performance.now();
    await expect(postJson({ name: 'ops', url: hook.origin, caFile: null }, '{}', {}, 200)).rejects.toThrow(
      /no answer in time/,
    );
    expect(performance.now() - started).toBeLessThan(3000);
  });

  it.each([
    ['a file that is not there', () => join(dir, 'none'), /ENOENT/],
    ['plain HTTP over a network', () => file('url', 'http://hooks.example/s3cret'), /https:\/\//],
    ['a name and password in the address', () => file('url', 'https://me:s3cret@hooks.example/'), /user or password/],
    ['no address', () => file('url', 'hooks.example/s3cret'), /not a URL/],
    ['two lines', () => file('url', 'https://a.example\nhttps://s3cret.example'), /not one line/],
    ['nobody there', () => file('url', 'http://127.0.0.1:9/s3cret'), /ECONNREFUSED/],
  ] as const)('%s: said without the secret, tried again when it is mended', async (_, urlFile, message) => {
    const failure = await send({ type: 'teams', name: 'ops', urlFile: urlFile(), caFile: null }).catch(
      (e: unknown) => e,
    );
    expect(failure).toBeInstanceOf(Retry);
    expect((failure as Error).message).toMatch(message);
    expect((failure as Error).message).not.toContain('s3cret');
  });

  it('TLS: a certificate of the site is taken with its CA file, and refused without', async () => {
    const [key, cert] = [join(dir, 'key.pem'), join(dir, 'cert.pem')];
    execFileSync(
      'openssl',
      [
        'req',
        '-x509',
        '-newkey',
        'ec',
        '-pkeyopt',
        'ec_paramgen_curve:P-256',
        '-nodes',
        '-days',
        '1',
        '-subj',
        '/CN=127.0.0.1',
        '-addext',
        'subjectAltName=IP:127.0.0.1',
        '-keyout',
        key,
        '-out',
        cert,
      ],
      { stdio: 'ignore' },
    );
    const tls = await hooks({ key: readFileSync(key, 'utf8'), cert: readFileSync(cert, 'utf8') });
    try {
      const receiver = { type: 'slack', name: 'ops', urlFile: file('url', `${tls.origin}/x`), caFile: null } as const;
      await expect(send(receiver)).rejects.toThrow(/SELF_SIGNED/);
      expect(tls.came).toEqual([]);
      await send({ ...receiver, caFile: cert });
      expect(tls.came).toHaveLength(1);
    } finally {
      await tls.close();
    }
  });
});
