/** `service.start`: starts the scheduler where it is down. Nobody gains a right by it that they did not have. */
import type { Action } from '../action.ts';
import { mayManage } from '../policy.ts';

export const serviceStart: Action = {
  name: 'service.start',
  make({ unit = '' }, { facts, config }) {
    const rule = mayManage(unit, config);
    if (rule) return rule;
    if (facts.value('config.valid') === false)
      return { refused: `${unit} would not start: ${config.scheduler.config}: ${facts.text('config.problem')}` };
    return {
      tier: 2,
      deed: `Start ${unit}`,
      steps: [{ action: 'service.start', unit, argv: ['systemctl', 'start', unit] }],
      undo: [],
      gains: [],
      assumes: {},
      entitlement: null,
      notes: [],
      elsewhere: false,
    };
  },
};
