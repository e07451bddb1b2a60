/**
 * A job file as the article shows it, checked: `job:` with `name`, `command` and perhaps `resources`. Client and
 * scheduler read it with the same function; a wrong one is `clw-job-invalid` and the message names the line.
 */
import { isMap, LineCounter, parseDocument } from 'yaml';

export interface Job {
  name: string;
  command: string;
}

/** The job, or what is wrong with it: `line 3: …`. */
export type JobVerdict = { job: Job } | { problem: string };

export function readJob(text: string): JobVerdict {
  const lines = new LineCounter();
  const doc = parseDocument(text, { lineCounter: lines });
  const broken = doc.errors[0];
  if (broken)
    return {
      problem: `line ${broken.linePos?.[0].line ?? 1}: ${broken.message.split('\n')[0]!.replace(/ at line .*$/, '')}`,
    };
  const at = (path: string[]): number => {
    for (let n = path.length; n > 0; n--) {
      const node = doc.getIn(path.slice(0, n), true) as { range?: [number, number, number] } | undefined;
      if (node?.range) return lines.linePos(node.range[0]).line;
    }
    return 1;
  };
  const job = doc.getIn(['job'], true);
  if (!isMap(job))
    return {
      problem: `line ${at(['job'])}: "job" must be a map of name, command and resources (check the indentation)`,
    };
  const known = ['name', 'command', 'resources'];
  const strange = job.items.map(item => String(item.key)).find(key => !known.includes(key));
  if (strange)
    return { problem: `line ${at(['job', strange])}: unknown key "${strange}" under "job" (check the indentation)` };
  for (const key of ['name', 'command'])
    if (typeof doc.getIn(['job', key]) !== 'string')
      return { problem: `line ${at(['job', key])}: "job.${key}" must be a text` };
  const resources = doc.getIn(['job', 'resources'], true);
  if (resources !== undefined && !isMap(resources))
    return {
      problem: `line ${at(['job', 'resources'])}: "job.resources" must be a map of cpu and mem (check the indentation)`,
    };
  const top = isMap(doc.contents)
    ? doc.contents.items.map(item => String(item.key)).find(key => key !== 'job')
    : undefined;
  if (top) return { problem: `line ${at([top])}: unknown key "${top}" (check the indentation)` };
  const name = String(doc.getIn(['job', 'name']));
  if (!/^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$/.test(name))
    return { problem: `line ${at(['job', 'name'])}: "job.name" must be a plain word` };
  return { job: { name, command: String(doc.getIn(['job', 'command'])) } };
}
