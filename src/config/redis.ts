/**
 * `redis` of readmit.yaml: the server behind BullMQ. A socket or a URL; the password stands in a file of its own.
 */
import { z } from 'zod';
import { absolute } from './values.ts';

const isRedis = (url: string): boolean => /^rediss?:\/\/[^/]/.test(url) && URL.canParse(url);

export const Redis = z
  .strictObject({
    socket: absolute.nullable().default('/run/readmit/redis.sock').describe('unix socket of the Redis server'),
    url: z
      .string()
      .refine(isRedis, 'a URL that begins with redis:// or rediss://')
      .nullable()
      .default(null)
      .describe('redis:// or rediss:// URL instead of a socket'),
    passwordFile: absolute.nullable().default(null).describe('file that holds the password'),
    username: z.string().nullable().default(null),
  })
  .prefault({})
  .describe('the doorbell: BullMQ');
