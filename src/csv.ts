/**
 * Tables as CSV (RFC 4180). Names, reasons and log text in them come from strangers: a spreadsheet runs no cell of ours
 * as a formula, whatever stands in it.
 */
import { visible } from './visible.ts';

export type Cell = string | number | null;

/**
 * A spreadsheet takes a cell for a formula when it begins with one of these, also after spaces or a quote; the wide forms
 * too. What stands after a separator inside a cell counts as a beginning: in many countries `;` parts cells, not `,`.
 */
const FORMULA = /(^|[;,|\t\r\n])([\s"'\u0000-\u0020]*)(?=[=+\-@\t\r\n\u0000＝＋－＠])/g;

/** One cell: numbers as they are; text with its control characters visible, made harmless, quoted where it must be. */
export function csvCell(value: Cell | undefined): string {
  if (value === null || value === undefined) return '';
  if (typeof value === 'number') return Number.isFinite(value) ? String(value) : '';
  const neutral = visible(
    value.replace(FORMULA, (all, before: string, spaces: string, at: number) =>
      at === 0 && before === '' ? `'${all}` : `${before}${spaces}'`,
    ),
  );
  return /[",;\s']/.test(neutral) ? `"${neutral.replaceAll('"', '""')}"` : neutral;
}

/** One row as RFC 4180 has it: commas between, CRLF after. */
export const csvRow = (cells: readonly (Cell | undefined)[]): string => `${cells.map(csvCell).join(',')}\r\n`;

/** A head and rows, the same number of cells in each. */
export const csvTable = (head: readonly string[], rows: readonly (Cell | undefined)[][]): string =>
  [head, ...rows].map(csvRow).join('');
