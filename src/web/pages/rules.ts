/**
 * Rules: the packs as they are loaded, what each pattern and cause took in the last 30 days, and a place to try a line
 * with the parser that reads the logs.
 */
import type { Hits } from '../../desk.ts';
import { counted, type Html, html } from '../html.ts';
import { type Frame, page, token } from './frame.ts';
import { causeWords, near, nothing, whole } from './marks.ts';
import { table } from './table.ts';

export interface LoadedPack {
  name: string;
  patterns: { name: string; log: 'server' | 'client'; event: string; line: string }[];
  causes: { name: string; title: string; remedy: 'plan' | 'tell' | 'advice' | 'none' }[];
}

/** Which pattern took a line and what it read, or where the nearest one stopped. */
export type Explained =
  | { kind: 'taken'; rule: string; event: string; log: string; fields: Record<string, string> }
  | { kind: 'stopped'; rule: string; column: number; expected: string; found: string };

export interface RulesParts {
  list(): LoadedPack[];
  explain(line: string): Explained;
}

export const LINE_LIMIT = 8192;

export function rulesPage(
  frame: Frame,
  packs: LoadedPack[],
  tried: { line: string; answer: Explained } | null = null,
): Html {
  const hits = frame.desk.hits();
  const lines = hits.lines.reduce((n, h) => n + h.lines, 0);
  const patterns = packs.reduce((n, p) => n + p.patterns.length, 0);
  const causes = packs.reduce((n, p) => n + p.causes.length, 0);
  return page(
    frame,
    'Rules',
    html`<div class="lead"><h1>${counted(patterns, 'pattern')} and ${counted(causes, 'cause')} ${packs.length === 1 ? html`in the pack ${packs[0]!.name}` : `in ${counted(packs.length, 'pack')}`}.</h1>
<p>They took ${counted(lines, 'line')} in the last 30 days.</p></div>
<section class="card" aria-labelledby="try"><h2 id="try">Try a line</h2>
<form method="post" action="/rules/explain">${token(frame)}<label>A line as it stands in the log <input name="line" maxlength="${LINE_LIMIT}" required autocomplete="off" spellcheck="false" class="mono" value="${tried?.line ?? ''}"></label>
<button class="plain">What is made of it?</button></form>
${tried && answer(tried.answer)}</section>
${packs.map(pack => packSection(frame, pack, hits))}`,
  );
}

function answer(a: Explained): Html {
  if (a.kind === 'taken')
    return html`<div class="notice good" role="status"><strong>Taken</strong> by <code>${a.rule}</code>: ${eventWords(a.event)}, as a ${a.log} writes it.
<dl class="pairs">${Object.entries(a.fields).map(([field, value]) => html`<div><dt>${field}</dt><dd class="mono">${value}</dd></div>`)}</dl></div>`;
  return html`<div class="notice act" role="status"><strong>No pattern takes it.</strong> The nearest is <code>${a.rule}</code>: at byte ${a.column} it expected ${a.expected}, and found ${a.found}.</div>`;
}

const eventWords = (event: string): string => event.replaceAll('-', ' ');

function packSection(frame: Frame, pack: LoadedPack, hits: Hits): Html {
  const heard = new Map(hits.lines.map(h => [`${h.log} ${h.event}`, h]));
  const known = new Map(hits.causes.map(c => [c.cause, c]));
  const groups = new Map<string, LoadedPack['patterns']>();
  for (const p of pack.patterns) groups.set(`${p.log} ${p.event}`, [...(groups.get(`${p.log} ${p.event}`) ?? []), p]);
  return html`<section class="card" aria-labelledby="patterns-${pack.name}"><h2 id="patterns-${pack.name}">What ${pack.name} reads</h2>
${
  groups.size
    ? table(
        `Patterns of ${pack.name}`,
        ['It says', 'Written by', 'Patterns', ['Lines', 'number'], ['Last', 'nowrap']],
        [...groups].map(([key, patterns]) => {
          const of = heard.get(key);
          return [
            eventWords(patterns[0]!.event),
            patterns[0]!.log === 'server' ? 'the scheduler' : 'the user’s client',
            patterns.map(p => html`<span class="source"><b>${p.name}</b> <code>${p.line}</code></span>`),
            of ? of.lines.toLocaleString('en') : '–',
            of ? near(of.last, frame.now) : '–',
          ];
        }),
      )
    : nothing('This pack reads no lines.')
}</section>
<section class="card" aria-labelledby="causes-${pack.name}"><h2 id="causes-${pack.name}">What ${pack.name} explains</h2>
${table(
  `Causes of ${pack.name}`,
  ['Cause', 'It says', 'What comes of it', ['Incidents', 'number'], ['Open', 'number'], ['Last', 'nowrap']],
  [...pack.causes]
    .sort((a, b) => (known.get(b.name)?.incidents ?? 0) - (known.get(a.name)?.incidents ?? 0))
    .map(cause => {
      const of = known.get(cause.name);
      return [
        causeWords(cause.name),
        whole(cause.title),
        REMEDIES[cause.remedy],
        of ? of.incidents.toLocaleString('en') : '–',
        of?.open ? of.open.toLocaleString('en') : '–',
        of ? near(of.last, frame.now) : '–',
      ];
    }),
)}</section>`;
}

const REMEDIES: Record<LoadedPack['causes'][number]['remedy'], string> = {
  plan: 'a plan to approve',
  tell: 'the user is told',
  advice: 'advice to an administrator',
  none: 'a human looks',
};
