/** One office a test, closed behind it, with a chat and a second file of its own; what was posted to it. */
import { afterEach } from 'vitest';
import { anOffice, type Office } from './a-post.ts';

export let office: Office;
export const open = async (...args: Parameters<typeof anOffice>): Promise<Office> => (office = await anOffice(...args));

/** What a test opened beside it. */
export const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  await office?.end();
  for (const close of closing.splice(0)) await close();
});

/** A receiver, and the files that hold its address and another one's. */
export const CHAT = '{name: chat, type: mattermost, urlFile: DIR/chat}';
export const FILES = { chat: 'HOOK/hooks/chat', ops: 'HOOK/hooks/ops' };
export const posted = (path = '/hooks/chat'): string[] =>
  office.hook.to(path).map(c => JSON.parse(c.body).text as string);
