/** Every action there is, by name. A new one is one file and one line here; the executor has its own list of verbs. */
import type { Action } from './action.ts';
import { configAuthorizeGroup } from './actions/config-authorize-group.ts';
import { groupAdd } from './actions/group-add.ts';
import { serviceRestart } from './actions/service-restart.ts';
import { serviceStart } from './actions/service-start.ts';
import { userTell } from './actions/user-tell.ts';

export const ACTIONS: Readonly<Record<string, Action>> = {
  'config.authorize-group': configAuthorizeGroup,
  'group.add': groupAdd,
  'service.restart': serviceRestart,
  'service.start': serviceStart,
  'user.tell': userTell,
};
