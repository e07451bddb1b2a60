/**
 * Where compiled code is kept: beside the packages, where whoever may change the program may change it too; never in
 * /tmp. Named in the environment of a process it holds for its first file and its threads as well, so that what strips
 * the types need not even be loaded: 50 ms and 18 MB for each process.
 */
import { join } from 'node:path';

export const COMPILED = join(import.meta.dirname, '../node_modules/.cache/readmit');

/** The same environment for a process that is another part of Readmit. */
export const ofOurs = (environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv => ({
  ...environment,
  NODE_COMPILE_CACHE: COMPILED,
  // The C library keeps an area of memory for each thread; ours hardly use theirs.
  MALLOC_ARENA_MAX: '2',
});
