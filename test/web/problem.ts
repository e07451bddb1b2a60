/** Every no of the API is a problem in the form of RFC 9457, and says which rule it was. */
import { expect } from 'vitest';
import type { Site } from './a-site.ts';

export const API = '/api/v1';

export function expectProblem(answer: Awaited<ReturnType<Site['ask']>>, status: number, detail: RegExp): void {
  expect(answer.text).toMatch(detail);
  expect(answer.status).toBe(status);
  expect(answer.type).toBe('application/problem+json');
  expect(answer.json).toMatchObject({ type: 'about:blank', status, detail: expect.stringMatching(detail) });
}
