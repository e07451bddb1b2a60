/**
 * The charts as PNG, for mail programs, which show no SVG. Drawn without a word in them, so that no font is needed: what
 * they show is said in the HTML below each and in the text of the mail. The renderer is loaded when a mail is written.
 */
import { bucketsOf, denialsChart, timeToAccessChart } from './charts.ts';
import type { WeekReport } from './week.ts';

export interface Picture {
  name: 'denials' | 'time-to-access';
  /** Its content id, as RFC 2392 wants it: `<img src="cid:…">`. */
  cid: string;
  /** PNG, base64. */
  png: string;
}

/** Twice as wide as it is shown: sharp on good screens, a few kilobytes. */
const PIXELS = 1280;

export type Drawn = { kind: 'drawn'; pictures: Picture[] } | { kind: 'cannot'; why: string };

/** Draws what there is to see. Where it can't, the mail shows bars made of table cells instead. */
export async function drawPictures(report: WeekReport): Promise<Drawn> {
  try {
    const { renderAsync } = await import('@resvg/resvg-js');
    const draw = async (name: Picture['name'], svg: string): Promise<Picture> => {
      const image = await renderAsync(svg, {
        fitTo: { mode: 'width', value: PIXELS },
        font: { loadSystemFonts: false },
        logLevel: 'off',
      });
      return { name, cid: `${name}@readmit`, png: image.asPng().toString('base64') };
    };
    const pictures: Promise<Picture>[] = [];
    if (report.days.some(d => d.total > 0)) pictures.push(draw('denials', denialsChart(report, 'beside')));
    if (bucketsOf(report).some(b => b.count > 0))
      pictures.push(draw('time-to-access', timeToAccessChart(report, 'beside')));
    return { kind: 'drawn', pictures: await Promise.all(pictures) };
  } catch (error) {
    return { kind: 'cannot', why: (error as Error).message };
  }
}

/** The content ids by the name of the chart, as the HTML takes them. */
export const contentIds = (pictures: readonly Picture[]): Partial<Record<Picture['name'], string>> =>
  Object.fromEntries(pictures.map(p => [p.name, p.cid]));
