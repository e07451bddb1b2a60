/**
 * `web` of readmit.yaml: where the page answers, who stands before it, how long a sign-in lasts and who may read the metrics.
 */
import { z } from 'zod';
import { SignIn } from './sign-in.ts';
import { absolute, network, seconds } from './values.ts';

export const Web = z
  .strictObject({
    listen: z
      .string()
      .regex(/^(?:\[[0-9A-Fa-f:.]+\]|[^:\s]+):\d{1,5}$/, 'ADDRESS:PORT, e.g. 127.0.0.1:8420')
      .default('127.0.0.1:8420')
      .describe('address:port'),
    origin: z
      .string()
      .nullable()
      .default(null)
      .describe(
        'what people type; default http(s)://LISTEN. Passkeys are bound to it: a host with an executor needs it too',
      ),
    tls: z
      .strictObject({ cert: absolute, key: absolute })
      .nullable()
      .default(null)
      .describe('certificate and key files'),
    behindProxy: z.array(network).default([]).describe('addresses of the proxy that speaks TLS for us'),
    session: seconds(43200, 'a sign-in lasts'),
    fresh: seconds(900, 'a sign-in is fresh enough for tier 2'),
    signIn: SignIn.prefault({}).describe('ways to sign in, beside the one-time link and passkeys'),
    metrics: z
      .enum(['token', 'loopback'])
      .default('token')
      .describe(
        'who may read /metrics; token: whoever has an API token; loopback: any program on this machine too (never so behind a proxy)',
      ),
  })
  .prefault({})
  .describe('the page');
