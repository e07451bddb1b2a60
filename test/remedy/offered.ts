/** What `makePlan` answered, taken as a plan or as a refusal. */
import type { Plan } from '../../src/plan.ts';
import type { PlanResult } from '../../src/remedy/plan.ts';

export const planIn = (made: PlanResult): Plan => {
  if ('refused' in made) throw new Error(made.refused);
  return made;
};
export const refusalIn = (made: PlanResult): string => ('refused' in made ? made.refused : `offered: ${made.summary}`);
