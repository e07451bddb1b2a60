/** `service.restart`: the scheduler reads its configuration at its start only. Shows what runs on it before. */
import type { FactValue } from '../../diagnosis.ts';
import type { Action } from '../action.ts';
import { mayManage } from '../policy.ts';

export const serviceRestart: Action = {
  name: 'service.restart',
  make({ unit = '' }, { facts, config }) {
    const rule = mayManage(unit, config);
    if (rule) return rule;
    if (facts.value('config.valid') === false)
      return { refused: `${unit} would not come back: ${config.scheduler.config}: ${facts.text('config.problem')}` };
    const running = facts.number('queue.running');
    const hash = facts.text('config.hash');
    const assumes: Record<string, FactValue> = hash ? { 'config.hash': hash } : {};
    return {
      tier: 2,
      deed: `Restart ${unit}`,
      steps: [{ action: 'service.restart', unit, argv: ['systemctl', 'restart', unit] }],
      undo: [],
      gains: [],
      assumes,
      entitlement: null,
      notes: [
        running === undefined
          ? 'How many jobs run now is not known.'
          : running === 1
            ? '1 job runs now.'
            : `${running} jobs run now.`,
      ],
      elsewhere: false,
    };
  },
};
