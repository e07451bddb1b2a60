/** The weekly report as a letter: the first page as text and HTML, the auditor's tables attached. */
import { Refused } from '../../incident.ts';
import { type Attachment, compose, type Letter, type Paper } from '../letter.ts';

export interface Rendered {
  /** `2026-W47` */
  week: string;
  /** One sentence that says how the week was, for the subject. */
  headline: string;
  text: string;
  html: string;
  csv: string;
  json: string;
  /** Pictures the HTML shows as `cid:CID` (default: the name), PNG, base64. */
  pictures?: readonly { name: string; png: string; cid?: string }[];
}

export function weekly(report: Rendered, paper: Paper): Letter {
  if (!/^\d{4}-W\d{2}$/.test(report.week)) throw new Refused(`not a week: ${report.week}`);
  const attachments: Attachment[] = [
    {
      filename: `readmit-${report.week}.csv`,
      contentType: 'text/csv; charset=utf-8',
      content: report.csv,
      encoding: 'utf8',
    },
    {
      filename: `readmit-${report.week}.json`,
      contentType: 'application/json',
      content: report.json,
      encoding: 'utf8',
    },
    ...(report.pictures ?? []).map(p => ({
      filename: `${p.name}.png`,
      contentType: 'image/png',
      content: p.png,
      encoding: 'base64' as const,
      cid: p.cid ?? p.name,
    })),
  ];
  return compose(paper, {
    subject: `week ${report.week}: ${report.headline}`,
    otherwise: `report of week ${report.week}`,
    incident: null,
    place: 'alone',
    footer: '',
    blocks: [],
    attachments,
    ready: { text: report.text, html: report.html },
  });
}
