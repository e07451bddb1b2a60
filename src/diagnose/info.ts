/**
 * What the running scheduler tells of itself without a sign-in: when it started, and whom it lets in by the configuration
 * that it loaded, whatever the file says by now. Many tell nothing.
 */
import { type Answer, type Ground, messageOf } from './ground.ts';
import { type System, valueAt } from './system.ts';

export interface Info {
  answer: unknown;
  /** Epoch milliseconds. */
  started: number | null;
  because: string;
}

export async function infoOf(ground: Ground): Promise<Info> {
  const { http } = ground.system;
  const url = ground.config.scheduler.url.replace(/\/$/, '') + http.info;
  const nothing = (because: string): Info => ({ answer: null, started: null, because });
  let got: Answer;
  try {
    got = await ground.http(url);
  } catch (error) {
    return nothing(messageOf(error));
  }
  if (got.status !== 200) return nothing(`GET ${url}: ${got.status}`);
  try {
    const answer: unknown = JSON.parse(got.body);
    const started = http.started ? valueAt(answer, http.started) : undefined;
    const time = typeof started === 'number' ? started * (started < 1e11 ? 1000 : 1) : Date.parse(String(started));
    return { answer, started: Number.isFinite(time) ? time : null, because: `GET ${url}` };
  } catch {
    return nothing(`GET ${url}: no JSON`);
  }
}

/** What it loaded of what decides about access; null where it does not say. */
export function loadedBy(info: Info, { http }: System): { mode: string | null; authorized: string[] | null } {
  const mode = http.mode ? valueAt(info.answer, http.mode) : undefined;
  const groups = http.authorized ? valueAt(info.answer, http.authorized) : undefined;
  return {
    mode: typeof mode === 'string' ? mode : null,
    authorized: Array.isArray(groups) ? groups.filter(group => typeof group === 'string') : null,
  };
}
