/**
 * `userNames` of readmit.yaml: how far a site's user names go beyond the usual ones. A small vocabulary and no regular
 * expression, so that nothing a site writes can make a name a path, an option or a word of a shell (`names.ts`).
 */
import { z } from 'zod';
import { LONGEST_NAME, NAME_EXTRAS, USUAL_NAMES } from '../names.ts';

export const UserNames = z
  .strictObject({
    capitals: z.boolean().default(USUAL_NAMES.capitals).describe('A to Z too; ALICE and alice are two names'),
    digitFirst: z
      .boolean()
      .default(USUAL_NAMES.digitFirst)
      .describe('a name may begin with a digit; never a number, which programs take for a uid'),
    also: z
      .array(z.enum(NAME_EXTRAS))
      .default([...USUAL_NAMES.also])
      .describe(
        "what else a name may hold: '\\' (DOM\\alice), '@' (alice@site.example) or '+', one of them, between two parts; '$' at the end",
      ),
    longest: z
      .number()
      .int()
      .min(1)
      .max(LONGEST_NAME)
      .default(USUAL_NAMES.longest)
      .describe('longest name (characters)'),
  })
  .prefault({})
  .describe('what a user name is here: for what is counted, asked, proposed and done; the same on every host');
