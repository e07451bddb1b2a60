/** The charts in the weekly mail: drawn true to the numbers, said in words beside them, and sent so that mail programs show them. */
import { Resvg } from '@resvg/resvg-js';
import { afterEach, describe, expect, it } from 'vitest';
import { parseConfig } from '../../src/config/config.ts';
import { weekly } from '../../src/notify/letters/weekly.ts';
import { makeMailer } from '../../src/notify/mail.ts';
import { bucketsOf, denialsChart, layersOf, stackOf, timeToAccessChart } from '../../src/report/charts.ts';
import { contentIds, drawPictures, type Picture } from '../../src/report/pictures.ts';
import { renderMail } from '../../src/report/render.ts';
import { weekReport } from '../../src/report/week.ts';
import { PAPER } from '../notify/an-incident.ts';
import { smtp } from '../notify/smtp.ts';
import { BUSY, EMPTY, tally } from './a-week.ts';

const LINK = 'https://readmit.site.example/report?week=2026-W47';
const report = weekReport(BUSY);

async function drawn(of = report): Promise<Picture[]> {
  const result = await drawPictures(of);
  if (result.kind === 'cannot') throw new Error(result.why);
  return result.pictures;
}

/** How many dots of each colour stand in the middle of each column of a picture. */
function columns(svg: string, count: number): Map<string, number>[] {
  const image = new Resvg(svg, { font: { loadSystemFonts: false } }).render();
  return Array.from({ length: count }, (_, n) => {
    const x = Math.floor(((n + 0.5) * image.width) / count);
    const dots = new Map<string, number>();
    for (let y = 0; y < image.height; y++) {
      const at = (y * image.width + x) * 4;
      if (image.pixels[at + 3]! < 255) continue;
      const colour = `#${image.pixels.subarray(at, at + 3).toString('hex')}`;
      dots.set(colour, (dots.get(colour) ?? 0) + 1);
    }
    return dots;
  });
}

describe('the pictures', () => {
  it('are PNG, twice as wide as they are shown, and small', async () => {
    const pictures = await drawn();
    expect(pictures.map(p => p.name)).toEqual(['denials', 'time-to-access']);
    for (const { png } of pictures) {
      const bytes = Buffer.from(png, 'base64');
      expect(bytes.subarray(0, 8).toString('latin1')).toBe('\x89PNG\r\n\x1a\n');
      expect(bytes.readUInt32BE(16)).toBe(1280);
      expect(bytes.length).toBeLessThan(30_000);
    }
  });

  it('have no word in them, so that they look the same on a host without fonts', () => {
    for (const svg of [denialsChart(report, 'beside'), timeToAccessChart(report, 'beside')])
      expect(svg).not.toContain('<text');
    expect(denialsChart(report)).toContain('<text');
  });

  it('each bar is as high as its number, in the colour of its cause', () => {
    const layers = layersOf(report);
    const dots = columns(denialsChart(report, 'beside'), report.days.length);
    const scale = dots[3]!.get('#77828e')! / 30;
    for (const [n, day] of report.days.entries())
      for (const [i, count] of stackOf(day, layers).entries())
        expect(
          Math.abs((dots[n]!.get(layers[i]!.colour) ?? 0) - count * scale),
          `${day.day} ${layers[i]!.label}`,
        ).toBeLessThan(2);
    const times = columns(timeToAccessChart(report, 'beside'), 7).map(d => d.get('#0b5cad') ?? 0);
    expect(times.map(t => t > 100)).toEqual(bucketsOf(report).map(b => b.count > 0));
  });

  it('are left out where there is nothing to see', async () => {
    expect(await drawn(weekReport(EMPTY))).toEqual([]);
    expect(
      (await drawn(weekReport({ ...EMPTY, tallies: [tally('2026-11-16T09', 'alice', 1)] }))).map(p => p.name),
    ).toEqual(['denials']);
  });
});

describe('the mail with pictures', () => {
  const undo: (() => unknown)[] = [];
  afterEach(async () => {
    for (const step of undo.splice(0).reverse()) await step();
  });

  it('says below each column what the text says: the same numbers, with pictures switched off too', async () => {
    const { html, text } = renderMail(report, LINK, contentIds(await drawn()));
    const words = html.replace(/<br>/g, ' ').replace(/<[^>]+>/g, '|');
    const days = text.split('\n').filter(l => /^ *(Mon|Tue|Wed|Thu|Fri|Sat|Sun) \d/.test(l));
    expect(days).toHaveLength(7);
    for (const line of days) {
      const [, day, count] = /^ *(\w{3} \d+ \w{3})\s+(\d+)/.exec(line)!;
      expect(words).toMatch(new RegExp(`\\|${count}\\| ${day}\\|`));
    }
    for (const b of bucketsOf(report)) expect(words).toContain(`|${b.count}| ${b.label}|`);
    for (const l of layersOf(report)) expect(words).toMatch(new RegExp(`${l.label} ${l.total}\\b`));
  });

  it('goes out as multipart/related: each picture inline under the id the page names, the tables attached', async () => {
    const box = await smtp();
    undo.push(box.close);
    const config = parseConfig(`mail: {host: 127.0.0.1, port: ${box.port}, to: [ops@site.example]}`, 'x.yaml');
    const mailer = makeMailer(config)!;
    undo.push(() => mailer.close());
    const pictures = await drawn();
    const rendered = { week: '2026-W47', headline: '3 people refused', csv: 'a\r\n', json: '{}', pictures };
    await mailer.send(weekly({ ...rendered, ...renderMail(report, LINK, contentIds(pictures)) }, PAPER));
    const raw = box.raw[0]!;
    expect(raw).toMatch(/^Content-Type: multipart\/mixed/m);
    expect(raw).toMatch(/^Content-Type: multipart\/alternative/m);
    expect(raw).toMatch(/^Content-Type: multipart\/related/m);
    for (const { cid, name, png } of pictures) {
      const part = raw
        .split(/^--/m)
        .find(p => p.includes(`Content-ID: <${cid}>`) || p.includes(`Content-Id: <${cid}>`))!;
      expect(part).toMatch(/^Content-Type: image\/png; name=/m);
      expect(part).toMatch(/^Content-Disposition: inline/m);
      expect(part.replace(/\s/g, '')).toContain(png.slice(0, 400));
      expect(box.mails[0]!.attachments.some(a => a.filename === `${name}.png`)).toBe(true);
      expect(raw.replace(/=\r?\n/g, '').replace(/=3D/g, '=')).toContain(`src="cid:${cid}"`);
    }
    // mailparser puts each picture where the page names it: nothing is left without one.
    expect(box.mails[0]!.html).not.toContain('cid:');
  });
});
