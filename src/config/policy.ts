/**
 * `policy` of readmit.yaml: what may be changed at all, who must say yes and how a yes is proved, and for how long it holds.
 */
import { z } from 'zod';
import { ROOT_LIKE } from '../names.ts';
import { absolute, name, seconds } from './values.ts';

const givable = name.refine(
  group => !ROOT_LIKE.includes(group),
  'a group of ordinary access: this one is as good as root, and the executor puts nobody into it',
);

const Tier = z.strictObject({
  votes: z.number().int().min(1).max(9).describe('how many different people must approve'),
  roles: z.array(z.string()).min(1).describe('an approver must have one of these roles'),
  eachRole: z.array(z.string()).default([]).describe('every one of these roles must be among the approvers'),
});

export const Policy = z
  .strictObject({
    proof: z
      .enum(['session', 'passkey', 'key'])
      .default('key')
      .describe(
        "key: only votes signed with a person's own key count; passkey: those and votes signed by a person's passkey on the page; session: those too, and serve signs for a signed-in person",
      ),
    tiers: z
      .strictObject({
        1: Tier.default({ votes: 1, roles: ['administrator', 'operator'], eachRole: [] }),
        2: Tier.default({ votes: 2, roles: ['administrator'], eachRole: [] }),
      })
      .prefault({})
      .describe('who must approve what'),
    groups: z.array(givable).default(['claw-users']).describe('groups Readmit may add people to'),
    units: z.array(z.string()).default(['claw-scheduler']).describe('units it may start and restart'),
    files: z.array(absolute).default(['/etc/claw-scheduler/config.yaml']).describe('files it may patch'),
    denyUsers: z
      .array(z.string())
      .default(['root', 'nobody'])
      .describe('people it never changes, beside everyone in an elevated group'),
    planLifetime: seconds(3600, 'after this a plan must be made again'),
    denySticky: seconds(86400, 'a denied change is not offered again for this time'),
    announceEnd: seconds(259200, 'before access that has an end is taken back, the person is told; 0: never'),
    grantsPerHour: z.number().int().default(20).describe('then the executor stops and says so'),
    restartInterval: seconds(600, 'at most one restart in this time'),
    manager: z
      .enum(['ansible', 'puppet', 'ipa', 'other'])
      .nullable()
      .default(null)
      .describe(
        'configuration management owns the targets: plans are exported, never run, and nothing is taken back here',
      ),
  })
  .prefault({})
  .describe('what may be changed, and who must say yes');
