/**
 * Which numbers can be the uid of a person. Above the half of the 32 bits some calls take them for negative ones, -1 means
 * nobody asked (`chown`, `setreuid`), as 65535 did in 16 bits, and 65534 is `nobody`.
 * Source: https://systemd.io/UIDS-GIDS/
 */
const MOST = 2 ** 31 - 1;
const NOBODY = [65_534, 65_535];

/** True where a person could have it. What is below `watch.minUid` is asked elsewhere. */
export const isPersonUid = (uid: number): boolean =>
  Number.isInteger(uid) && uid > 0 && uid <= MOST && !NOBODY.includes(uid);
