/** What commands write to standard output. Names, reasons and lines of strangers are in it: nothing of it acts on the terminal it is read in. */
import { inertJson, visible } from '../visible.ts';

const write = (text: string): void => void process.stdout.write(text.endsWith('\n') ? text : `${text}\n`);

/** Text for people, line by line made visible. */
export const print = (text: string): void => write(text.split('\n').map(visible).join('\n'));

/** One document. JSON leaves some of what a terminal obeys as it is; here it is written as `\u…`. */
export const printJson = (value: unknown): void => write(inertJson(JSON.stringify(value)));

/** What is kept as a file or run, byte for byte; on a terminal all but its tabs and line ends is made visible. */
export const printFile = (text: string): void => write(process.stdout.isTTY ? shown(text) : text);

const shown = (text: string): string =>
  text
    .split(/(\r\n|\n|\t)/)
    .map((part, i) => (i % 2 ? part : visible(part)))
    .join('');
