/**
 * Once everything runs, what starting left behind (the source of every module, compiled, parsed and validated) is given
 * back: V8 would keep some 15 MB of it for as long as little happens, and every program that the agent starts costs it
 * time by the size of its memory.
 */

/** After so long everything has been loaded, and nobody waits for the first look. */
const SETTLED_MS = 3000;
/** It takes a tenth of a second for 30 MB. Where there is much more, starting is the least of it. */
const MOST_BYTES = 64 << 20;
/** Share of the time: a process with more to do is not to be stopped for that long, and asks again later. */
const BUSY = 0.3;

/** Where the process was started with `--expose-gc`, as `deploy/readmit` does; elsewhere nothing happens. */
export function settle(): { stop(): void } {
  let timer: NodeJS.Timeout;
  const later = (): void => {
    const before = performance.eventLoopUtilization();
    timer = setTimeout(() => {
      if (performance.eventLoopUtilization(before).utilization > BUSY) later();
      else if (process.memoryUsage().heapUsed < MOST_BYTES)
        void globalThis.gc?.({ type: 'major', flavor: 'last-resort' });
    }, SETTLED_MS);
  };
  later();
  return { stop: () => clearTimeout(timer) };
}
