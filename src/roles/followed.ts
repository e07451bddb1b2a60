/**
 * Which logs of this host are followed, and by which hand: the scheduler's, and those of the people there are. People
 * come and go, and so do file systems: what is mounted later is not what it was taken for at the start.
 */
import { dirname } from 'node:path';
import type { Config } from '../config/config.ts';
import type { Disk, Mounts } from '../watch/disk.ts';
import type { Home, Homes } from '../watch/homes.ts';
import { homePlace, type Place, serverPlace } from '../watch/place.ts';
import type { Tail } from '../watch/tail.ts';
import type { Tailer } from '../watch/tailer.ts';
import type { Waker } from '../watch/wake.ts';

export interface FollowedParts {
  config: Config;
  homes: Homes;
  mounts: Mounts;
  tailer: Tailer;
  waker: Waker;
  /** A log is followed no more, or by other means. */
  left(path: string): void;
}

/** A home as it was taken: by another owner, another uid or another hand it is another one. */
interface Taken {
  home: Home;
  disk: Disk;
}

export class Followed {
  readonly #p: FollowedParts;
  /** The scheduler's. */
  server: Tail;
  #homes = new Map<string, Taken>();

  constructor(parts: FollowedParts) {
    this.#p = parts;
    this.server = this.#serverLog();
  }

  #serverLog(): Tail {
    const { log } = this.#p.config.watch;
    return this.#follow(serverPlace(log, this.#p.mounts.diskOf(log)));
  }

  /** Asks who lives here now. @param may says afterwards whether that is still wanted */
  async readHomes(may: () => boolean): Promise<void> {
    const homes = await this.#p.homes.read();
    if (homes && may()) this.#take(homes);
  }

  /** Looks whether other file systems are mounted now. */
  lookAtMounts(): void {
    const { mounts, config } = this.#p;
    if (mounts.read() === 'same') return;
    const { place } = this.server;
    if (mounts.diskOf(config.watch.log) !== place.disk) {
      this.#leave(place.path);
      this.server = this.#serverLog();
    }
    this.#take([...this.#homes.values()].map(({ home }) => home));
  }

  #take(homes: readonly Home[]): void {
    const { clientLog } = this.#p.config.watch;
    const now = new Map<string, Taken>();
    for (const home of homes) {
      const disk = this.#p.mounts.diskOf(home.dir);
      const place = homePlace(home.dir, clientLog, home.owner, disk, home.uid ?? null);
      now.set(place.path, { home, disk });
      const known = this.#homes.get(place.path);
      if (known && known.disk === disk && known.home.owner === home.owner && known.home.uid === home.uid) continue;
      // The same home with another owner is another log: nothing of the one is told of the other.
      if (known) this.#leave(place.path);
      this.#follow(place);
    }
    const gone = [...this.#homes].filter(([path]) => !now.has(path));
    this.#homes = now;
    for (const [path, { home, disk }] of gone) {
      this.#leave(path);
      void this.#forgetIfRemoved(path, home.dir, disk);
    }
  }

  /** Whose home was removed too is not back soon. Where nothing lies beside it, it may only not be mounted. */
  async #forgetIfRemoved(path: string, dir: string, disk: Disk): Promise<void> {
    try {
      if ((await disk.look(dir, 'follow')) !== null || (await disk.list(dirname(dir))).length === 0) return;
      if (!this.#homes.has(path)) this.#p.tailer.forget(path);
    } catch {
      // What can't be looked at is not removed.
    }
  }

  #follow(place: Place): Tail {
    const tail = this.#p.tailer.watch(place);
    this.#p.waker.add(tail);
    return tail;
  }

  #leave(path: string): void {
    this.#p.waker.remove(path);
    this.#p.tailer.unwatch(path);
    this.#p.left(path);
  }
}
