/** A real SMTP server that keeps what it receives, as the tests see it: parsed mails and the recipients of each. */
import type { Server } from 'node:net';
import type { Readable } from 'node:stream';
import { simpleParser } from 'mailparser';
import { SMTPServer } from 'smtp-server';

export interface Received {
  subject?: string;
  text?: string;
  html: string | false;
  messageId?: string;
  inReplyTo?: string;
  references?: string | string[];
  from?: { text: string };
  headerLines: { key: string; line: string }[];
  attachments: { filename?: string; contentType: string; content: Buffer }[];
}

type Done = (error?: Error | null, answer?: unknown) => void;
interface Session {
  envelope: { rcptTo: { address: string }[] };
}
/** What a test may change about the server; as smtp-server names it. */
export interface Manners {
  authOptional?: boolean;
  /** TLS from the first byte. */
  secure?: boolean;
  disabledCommands?: string[];
  /** Nobody is greeted before it is done. */
  onConnect?: (session: Session, done: Done) => void;
  onClose?: (session: Session) => void;
  onAuth?: (auth: { password?: string }, session: Session, done: Done) => void;
  onRcptTo?: (address: unknown, session: Session, done: Done) => void;
  onData?: (stream: Readable, session: Session, done: Done) => void;
}

export async function smtp(
  manners: Manners = {},
  listen = 0,
): Promise<{
  port: number;
  mails: Received[];
  /** The same as they came over the wire. */
  raw: string[];
  recipients: string[][];
  close: () => Promise<void>;
}> {
  const mails: Received[] = [];
  const raw: string[] = [];
  const recipients: string[][] = [];
  const keep = async (stream: Readable, session: Session, done: Done): Promise<void> => {
    const chunks: Buffer[] = [];
    for await (const chunk of stream) chunks.push(chunk as Buffer);
    recipients.push(session.envelope.rcptTo.map(r => r.address));
    raw.push(Buffer.concat(chunks).toString('latin1'));
    mails.push((await simpleParser(Buffer.concat(chunks))) as unknown as Received);
    done();
  };
  const options = {
    authOptional: true,
    disabledCommands: ['STARTTLS'],
    allowInsecureAuth: true,
    onData: keep,
    ...manners,
  };
  const server = new SMTPServer(options as ConstructorParameters<typeof SMTPServer>[0]) as unknown as {
    server: Server;
    on(event: 'error', listener: () => void): void;
    listen(port: number, host: string, ready: () => void): void;
    close(done: () => void): void;
  };
  server.on('error', () => {});
  await new Promise<void>(ready => server.listen(listen, '127.0.0.1', ready));
  const { port } = server.server.address() as { port: number };
  return { port, mails, raw, recipients, close: () => new Promise<void>(done => server.close(done)) };
}
