/**
 * Posts JSON to an address of the configuration, and to no other: no redirect is followed, no proxy of the environment is
 * used, TLS is checked, and a time limit holds for all of it. Addresses and secrets come from files and are read for each
 * request, so that a corrected one needs no restart; no error names more of an address than its host.
 */
import { readFileSync } from 'node:fs';
import { request as http } from 'node:http';
import { request as https } from 'node:https';
import { addressFault } from '../config/notify.ts';
import { Doubtful, Refused, Retry } from '../incident.ts';

export interface Endpoint {
  /** The receiver's name, for errors. */
  name: string;
  url: string;
  caFile: string | null;
}

const MOST_ANSWER = 2048;
const DEADLINE_MS = 10_000;
/** Answers that say this very message will never be taken. All others are mended by somebody, or by time. */
const NEVER = [413, 415, 422];

/**
 * One line of a file that holds a secret.
 * @throws Retry, since somebody will put it there
 */
export function readSecret(name: string, file: string): string {
  let text: string;
  try {
    text = readFileSync(file, 'utf8').trim();
  } catch (error) {
    throw new Retry(`${name}: ${file}: ${(error as NodeJS.ErrnoException).code ?? 'unreadable'}`);
  }
  if (!text || /[\r\n]/.test(text)) throw new Retry(`${name}: ${file}: not one line`);
  return text;
}

/** What is wrong with an address that came from a file, if anything is. @throws Retry */
export function checkedUrl(name: string, text: string): URL {
  const fault = addressFault(text);
  if (fault) throw new Retry(`${name}: its address: ${fault}`);
  return new URL(text);
}

/**
 * @param body as it goes over the wire
 * @throws Refused when the receiver will never take this message; Retry when it may later; Doubtful when that is not clear
 */
export async function postJson(
  endpoint: Endpoint,
  body: string,
  headers: Record<string, string> = {},
  deadlineMs: number = DEADLINE_MS,
): Promise<void> {
  const url = checkedUrl(endpoint.name, endpoint.url);
  const ca = endpoint.caFile === null ? undefined : readCertificates(endpoint.name, endpoint.caFile);
  await post(`${endpoint.name} at ${url.host}`, url, body, {
    headers,
    deadlineMs,
    ...(ca === undefined ? {} : { ca }),
  });
}

/**
 * The request itself, to an address that was checked.
 * @param about whom errors name
 * @throws Refused, Retry or Doubtful, as `postJson`
 */
export async function post(
  about: string,
  url: URL,
  body: string,
  { headers = {}, ca, deadlineMs }: { headers?: Record<string, string>; ca?: string; deadlineMs: number },
): Promise<void> {
  const answer = await new Promise<{ status: number; text: string }>((resolve, reject) => {
    const fail = (error: Error): void => reject(new Retry(`${about}: ${reason(error)}`));
    const request = (url.protocol === 'https:' ? https : http)(
      url,
      {
        method: 'POST',
        headers: {
          'content-type': 'application/json',
          'content-length': Buffer.byteLength(body),
          'user-agent': 'readmit',
          ...headers,
        },
        agent: false,
        minVersion: 'TLSv1.2',
        ...(ca === undefined ? {} : { ca }),
        signal: AbortSignal.timeout(deadlineMs),
      },
      response => {
        let text = '';
        // A yes is a yes, however long the rest of it takes.
        if (isYes(response.statusCode!)) resolve({ status: response.statusCode!, text });
        response.setEncoding('utf8');
        response.on('data', (part: string) => {
          text += part;
          // What it says is only for the error; a receiver that never ends is not listened to.
          if (text.length < MOST_ANSWER) return;
          resolve({ status: response.statusCode!, text: text.slice(0, MOST_ANSWER) });
          response.destroy();
        });
        response.on('end', () => resolve({ status: response.statusCode!, text }));
        response.on('error', fail);
      },
    );
    request.on('error', fail);
    request.end(body);
  });
  if (isYes(answer.status)) return;
  const said = answer.text
    .replace(/[^\x20-\x7e]+/g, ' ')
    .trim()
    .slice(0, 120);
  const what = `${about} answered ${answer.status}${said ? `: ${said}` : ''}`;
  throw verdictOn(answer.status, what);
}

const isYes = (status: number): boolean => status >= 200 && status < 300;

/** What an answer means that is no yes. Mattermost says 400 to a message it can't read, and for a hook that was deleted. */
function verdictOn(status: number, what: string): Error {
  if (status === 400) return new Doubtful(what);
  return NEVER.includes(status) ? new Refused(what) : new Retry(what);
}

function readCertificates(name: string, file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new Retry(`${name}: ${file}: ${(error as NodeJS.ErrnoException).code ?? 'unreadable'}`);
  }
}

const reason = (error: Error): string => {
  const { code, name } = error as NodeJS.ErrnoException;
  return name === 'AbortError' || name === 'TimeoutError' ? 'no answer in time' : (code ?? name);
};
