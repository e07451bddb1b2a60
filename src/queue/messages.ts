/** Moved to src/messages.ts. */
export * from '../messages.ts';
