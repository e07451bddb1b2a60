/** `user.tell`: mails somebody the steps only they can do. It changes nothing, so it has no step and needs no vote. */
import type { Action } from '../action.ts';

export const userTell: Action = {
  name: 'user.tell',
  make(_params, { user }) {
    if (user === null) return { refused: 'user.tell is for one person, and this incident has none' };
    return {
      tier: 0,
      deed: `Tell ${user}`,
      steps: [],
      undo: [],
      gains: [],
      loses: [],
      assumes: {},
      entitlement: null,
      notes: [`${user} is told by mail what only ${user} can do.`],
      elsewhere: false,
    };
  },
};
