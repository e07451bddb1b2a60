/** Teardown beside set-up: each part notes how it is stopped; last in, first out, each failure logged by name. */
import type { Logger } from '../log.ts';

export class Teardown {
  readonly #steps: [string, () => unknown][] = [];
  add(name: string, stop: () => unknown): void {
    this.#steps.push([name, stop]);
  }
  async run(log: Logger): Promise<void> {
    for (const [name, stop] of this.#steps.reverse()) {
      try {
        await stop();
      } catch (error) {
        log.error({ err: error, part: name }, 'part did not stop well');
      }
    }
  }
}
