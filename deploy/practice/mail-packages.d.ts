/**
 * The little of smtp-server and mailparser that the mailbox uses; both come without types of their own.
 */
declare module 'smtp-server' {
  import type { Server } from 'node:net';
  import type { Readable } from 'node:stream';

  interface Session {
    envelope: { mailFrom: { address: string } | false; rcptTo: { address: string }[] };
  }
  export class SMTPServer {
    server: Server;
    constructor(options: {
      authOptional?: boolean;
      disabledCommands?: string[];
      disableReverseLookup?: boolean;
      size?: number;
      closeTimeout?: number;
      onData?: (stream: Readable, session: Session, done: (error?: Error) => void) => void;
    });
    listen(port: number, host: string, done: () => void): void;
    close(done: () => void): void;
    on(event: 'error', listener: (error: Error) => void): this;
  }
}

declare module 'mailparser' {
  export function simpleParser(raw: Buffer): Promise<{
    from?: { text: string };
    subject?: string;
    date?: Date;
    text?: string;
    html: string | false;
  }>;
}
