/**
 * No page is a dead end: whoever is told no, or was signed out, is told what of theirs was done and has a way on.
 */
import { describe, expect, it } from 'vitest';
import { consoleWith } from './console.ts';

describe('a page that says no', () => {
  it('leads to Now from a used link, in a browser that is signed in already', async () => {
    const c = consoleWith();
    const path = '/sign-in/used-long-ago';
    const ann = await c.signIn('root-ann');
    const again = await ann.get(path);
    expect(again.status).toBe(410);
    expect(await again.text()).toMatch(/You are signed in here as root-ann already\. <a href="\/">/);
    expect(await (await c.request(path)).text()).not.toContain('root-ann');
  });

  it('has a way to sign in again for whoever signed out', async () => {
    const ann = await consoleWith().signIn('root-ann');
    const out = await ann.post('/sign-out', {});
    expect(await out.text()).toMatch(/You are signed out\.[\s\S]*<a href="\/sign-in">/);
  });

  it('says that nothing was done with a form that was sent too late, and leads back to where it stood', async () => {
    const c = consoleWith();
    const ann = await c.signIn('root-ann');
    const { digest } = c.desk.show('41').plan!;
    const csrf = await ann.csrf();
    c.sessions.signOutEverywhere('root-ann');
    const late = await ann.get('/incidents/41/approve', {
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded', 'sec-fetch-site': 'same-origin' },
      body: new URLSearchParams({ csrf, digest }).toString(),
    });
    expect(late.status).toBe(401);
    expect(await late.text()).toContain('Nothing was done: you are not signed in any more.');
    expect(c.desk.deeds).toEqual([]);
    const wanted = /readmit-to=[^;]+/.exec(late.headers.get('set-cookie')!)![0];
    const link = new URL(c.sessions.issueLink('root-ann')).pathname;
    const back = await c.request(link, {
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded', 'sec-fetch-site': 'same-origin', cookie: wanted },
      body: '',
    });
    expect(back.headers.get('location')).toBe('/incidents/41');
  });

  it('leads back to the incident from a deed that their roles do not allow', async () => {
    const vera = await consoleWith().signIn('vera');
    const refused = await vera.post('/incidents/41/silence', { for: '1h', reason: 'x' });
    expect(refused.status).toBe(403);
    expect(await refused.text()).toContain('<a href="/incidents/41">Back</a>');
    const strange = await vera.post('/incidents/41/silence', { csrf: 'x' });
    expect(await strange.text()).toContain('<a href="/incidents/41">Back</a>');
  });

  it('says of whom nothing is known', async () => {
    const ann = await consoleWith().signIn('root-ann');
    for (const [path, what] of [
      ['/people/nobody', 'Nothing is known of nobody.'],
      ['/addresses/198.51.100.1', 'Nothing is known of 198.51.100.1.'],
      ['/nowhere', 'There is no such page.'],
    ] as const) {
      const answer = await ann.get(path);
      expect(answer.status).toBe(404);
      expect(await answer.text()).toContain(`<h1>${what}</h1>`);
    }
  });
});
