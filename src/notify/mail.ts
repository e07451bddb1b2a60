/**
 * Sends letters by SMTP. Recipients are checked here once more: only those the configuration names, and users at the
 * site's own domain. A failure says by its class whether trying again can help.
 */
import { readFileSync } from 'node:fs';
import { createTransport, type Transporter } from 'nodemailer';
import type { SMTPPoolOptions, SMTPPoolSentMessageInfo } from 'nodemailer/lib/smtp-pool';
import { isThisMachine } from '../addresses.ts';
import type { Config } from '../config/config.ts';
import { Refused, Retry } from '../incident.ts';
import { headerValue, type Mailbox, type MailSite, mailbox, userAddress } from './address.ts';
import { EarlyConnection } from './early.ts';
import type { Letter } from './letter.ts';

interface Delivery {
  messageId: string;
  response: string;
  /** Recipients the server took, and those that it, or the configuration, refused while others were taken. */
  accepted: string[];
  refused: string[];
}

export interface Mailer {
  /** @throws Retry when the server is away or says later; Refused when this letter will never be taken */
  send(letter: Letter): Promise<Delivery>;
  /** A letter will be due in so many milliseconds: the server is called now, unless the line is still open then. */
  expect(inMs: number): void;
  /** Connects, signs in, and leaves. @throws Retry with what is wrong, for `doctor` */
  verify(): Promise<void>;
  close(): void;
}

export interface MailerOptions {
  /** Recipients the configuration names beside `mail.to`: of the weekly report, and of mail receivers. */
  alsoTo?: readonly string[];
  /** The longest one delivery may take, milliseconds. */
  deadlineMs?: number;
  readFile?: (path: string) => string;
  /** Milliseconds that never go back. */
  steady?: () => number;
}

/** A connection is kept for the next letter for so long. */
const IDLE_MS = 10_000;
/** Over one connection. Some servers hang up on callers who bring more. */
const MOST_LETTERS = 50;

/** @returns null when `mail.host` is null: the site wants no mail */
export function makeMailer(site: MailSite & { mail: Config['mail'] }, options: MailerOptions = {}): Mailer | null {
  const { mail } = site;
  if (mail.host === null) return null;
  const {
    alsoTo = [],
    deadlineMs = 20_000,
    readFile = path => readFileSync(path, 'utf8'),
    steady = () => performance.now(),
  } = options;
  const known = new Set([...mail.to, ...alsoTo].map(to => mailbox(to).address.toLowerCase()));
  const early = new EarlyConnection({ host: mail.host, port: mail.port }, mail.secure ? 'secure' : 'plain');
  /** Letters since a connection was last opened: one takes so many and no more. */
  let carried = 0;
  const getSocket: SMTPPoolOptions['getSocket'] = (_options, done) => {
    carried = 0;
    const connection = early.take();
    done(null, connection ? { connection } : false);
  };
  let pool: Transporter<SMTPPoolSentMessageInfo, SMTPPoolOptions> | null = null;
  let sentAt = Number.NEGATIVE_INFINITY;
  /** Made at first use and again after a refused sign-in, so that a corrected password needs no restart. */
  const open = (): NonNullable<typeof pool> => {
    pool ??= createTransport({ ...poolOptions(mail, readFile), getSocket });
    return pool;
  };
  const drop = (): void => {
    pool?.close();
    pool = null;
  };
  return {
    async send(letter) {
      const { to, unfit } = recipients(letter, known, site);
      const message = { ...checked(letter, site), to, signal: AbortSignal.timeout(deadlineMs) };
      try {
        const sent = await open().sendMail(message);
        sentAt = steady();
        carried++;
        const { messageId, response, accepted } = sent;
        return { messageId, response, accepted, refused: [...unfit, ...sent.rejected] };
      } catch (error) {
        if ((error as SmtpError).code === 'EAUTH') drop();
        const why = verdict(error as SmtpError, mail.host!);
        // A server that refused a letter stays on the line.
        if (why instanceof Refused) sentAt = steady();
        throw why;
      }
    },
    expect(inMs) {
      if (carried >= MOST_LETTERS || steady() - sentAt + inMs > IDLE_MS) early.open();
    },
    async verify() {
      // A connection of its own: the one that is in use is left alone.
      const probe = createTransport(poolOptions(mail, readFile));
      try {
        await probe.verify();
      } catch (error) {
        throw new Retry(verdict(error as SmtpError, mail.host!).message);
      } finally {
        probe.close();
      }
    },
    close() {
      early.close();
      drop();
    },
  };
}

function poolOptions(mail: Config['mail'], readFile: (path: string) => string): SMTPPoolOptions & { pool: true } {
  let pass: string | undefined;
  if (mail.passwordFile !== null)
    try {
      pass = readFile(mail.passwordFile).replace(/\r?\n$/, '');
    } catch (error) {
      throw new Retry(
        `mail.passwordFile: ${mail.passwordFile}: ${(error as NodeJS.ErrnoException).code ?? 'unreadable'}`,
      );
    }
  const near = isThisMachine(mail.host!);
  return {
    pool: true,
    host: mail.host!,
    port: mail.port,
    secure: mail.secure,
    ...(mail.user === null ? {} : { auth: { user: mail.user, pass: pass ?? '' } }),
    // A password never goes over a network in the clear; on loopback a self-made certificate is good enough.
    requireTLS: mail.user !== null && !mail.secure && !near,
    tls: { rejectUnauthorized: !near },
    connectionTimeout: 5000,
    greetingTimeout: 5000,
    socketTimeout: 10_000,
    dnsTimeout: 5000,
    maxConnections: 2,
    maxMessages: MOST_LETTERS,
    // The outbox repeats what failed; a second repetition in here would only hide it.
    maxRequeues: 0,
    idleTimeout: IDLE_MS,
    disableFileAccess: true,
    disableUrlAccess: true,
  };
}

/** Whom it may go to, each for themselves: one who is not fit costs the others nothing. @throws Refused when nobody is */
function recipients(letter: Letter, known: ReadonlySet<string>, site: MailSite): { to: Mailbox[]; unfit: string[] } {
  const to: Mailbox[] = [];
  const unfit: string[] = [];
  let why = 'a letter to nobody: mail.to is empty';
  for (const text of letter.to)
    try {
      to.push(recipient(text, known, site));
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      unfit.push(text);
      why = error.message;
    }
  if (to.length === 0) throw new Refused(why);
  return { to, unfit };
}

/** @throws Refused */
function recipient(text: string, known: ReadonlySet<string>, site: MailSite): Mailbox {
  const box = mailbox(text);
  const user = box.address.split('@')[0]!;
  if (known.has(box.address.toLowerCase()) || userAddress(user, site) === box.address) return box;
  throw new Refused(`${box.address} is not a recipient the configuration names`);
}

/** The letter as nodemailer takes it, but for its recipients, with every header checked. @throws Refused */
function checked(letter: Letter, site: MailSite & { mail: Config['mail'] }): Parameters<Transporter['sendMail']>[0] {
  const { 'Message-ID': id, ...headers } = letter.headers;
  for (const [name, value] of Object.entries(letter.headers)) headerValue(name, value);
  if (/[\x00-\x1f\x7f]/.test(letter.subject)) throw new Refused('a subject with control characters');
  return {
    from: mailbox(site.mail.from),
    subject: letter.subject,
    text: letter.text,
    html: letter.html,
    ...(id === undefined ? {} : { messageId: id }),
    headers,
    attachments: letter.attachments.map(a => ({
      filename: a.filename,
      contentType: a.contentType,
      content: Buffer.from(a.content, a.encoding),
      ...(a.cid ? { cid: a.cid, contentDisposition: 'inline' as const } : {}),
    })),
  };
}

interface SmtpError extends Error {
  code?: string;
  responseCode?: number;
  command?: string;
}

/**
 * What a failure means. A 5xx answer to the letter itself (recipient, content) is for good; a refused sign-in, a bad
 * certificate or a dead server is mended by somebody, and then the letter goes.
 */
function verdict(error: SmtpError, host: string): Error {
  if (error instanceof Retry || error instanceof Refused) return error;
  const about = `mail server ${host}: ${error.responseCode ?? error.code ?? ''} ${error.message}`
    .replace(/[\x00-\x1f\x7f]+/g, ' ')
    .slice(0, 400);
  const ofLetter = error.code === 'EENVELOPE' || error.code === 'EMESSAGE';
  const permanent = ofLetter && error.responseCode !== undefined && error.responseCode >= 500;
  return permanent ? new Refused(about) : new Retry(about);
}
