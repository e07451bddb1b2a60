/**
 * A table of rows, each about one thing its first cell names. Where the screen is too narrow for columns, a row becomes a
 * block: the first cell on top, below it each other cell behind the name of its column. Nothing lies off the edge.
 */
import { type Html, html, type Part } from '../html.ts';

/** A column by its name, and how its cells are set. `silent`: the name is said aloud and not shown. */
type Column = string | [name: string, ...as: ('number' | 'nowrap' | 'mono' | 'breaks' | 'silent')[]];

/** `about` says what the rows are, for whoever comes to the table by the keyboard. */
export function table(about: string, columns: Column[], rows: Part[][]): Html {
  const heads = columns.map(column => {
    const [name, ...as] = typeof column === 'string' ? [column] : column;
    return { name, silent: as.includes('silent'), look: as.filter(one => one !== 'silent') };
  });
  return html`<div class="scroll" tabindex="0" role="group" aria-label="${about}"><table class="rows">
<thead><tr>${heads.map(h => html`<th scope="col"${h.look.includes('number') && html` class="number"`}>${h.silent ? html`<span class="aloud">${h.name}</span>` : h.name}</th>`)}</tr></thead>
<tbody>${rows.map(
    row =>
      html`<tr data-row>${row.map((cell, i) => {
        const { name, silent, look } = heads[i]!;
        const set = html`${look.length > 0 && html` class="${look.join(' ')}"`}${!silent && html` data-name="${name}"`}`;
        return i === 0 ? html`<th scope="row"${set}>${cell}</th>` : html`<td${set}>${cell}</td>`;
      })}</tr>\n`,
  )}</tbody></table></div>`;
}
