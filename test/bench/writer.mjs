// Writes honest lines to a log at a steady rate: `node writer.mjs FILE SOURCE LINES_PER_SECOND`. Ends with SIGTERM.
import { appendFileSync, readFileSync } from 'node:fs';

const [file, source, rate] = process.argv.slice(2);
const lines = readFileSync(source, 'latin1').split('\n').slice(0, -1);
const started = performance.now();
let written = 0;
setInterval(() => {
  const due = Math.floor(((performance.now() - started) / 1000) * Number(rate));
  let text = '';
  for (; written < due; written++) text += `${lines[written % lines.length]}\n`;
  if (text) appendFileSync(file, text, 'latin1');
}, 10);
