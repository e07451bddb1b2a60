// Writes honest lines to a log at a steady rate: `node writer.mjs FILE SOURCE LINES_PER_SECOND`. Ends with SIGTERM.
// Whole blocks of the source go out as they are, so that a million lines a second cost the machine little.
import { openSync, readFileSync, writeSync } from 'node:fs';

const [file, source, rate] = process.argv.slice(2);
const bytes = readFileSync(source);
const ends = [0];
for (let at = bytes.indexOf(10); at >= 0; at = bytes.indexOf(10, at + 1)) ends.push(at + 1);
const lines = ends.length - 1;
const log = openSync(file, 'a');
const started = performance.now();
let written = 0;
setInterval(() => {
  const due = Math.floor(((performance.now() - started) / 1000) * Number(rate));
  while (written < due) {
    const from = written % lines;
    const to = Math.min(lines, from + due - written);
    writeSync(log, bytes, ends[from], ends[to] - ends[from]);
    written += to - from;
  }
}, 10);
