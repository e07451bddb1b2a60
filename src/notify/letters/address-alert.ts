/**
 * The security alert for one address that tries many names. It lists what was tried and proposes nothing: nobody is let
 * in because a scanner guessed their name.
 */
import type { IncidentDetail } from '../../desk.ts';
import { compose, incidentLink, type Letter, type Paper } from '../letter.ts';
import { when } from '../times.ts';
import { among, plural } from './words.ts';

export function addressAlert(detail: IncidentDetail, paper: Paper): Letter {
  const names = [...new Set(detail.pairs.map(p => p.user).filter(u => u !== null))];
  const endpoints = [...new Set(detail.pairs.map(p => p.endpoint).filter(e => e !== null))];
  const first = detail.pairs.map(p => p.first).sort()[0] ?? detail.opened;
  return compose(paper, {
    subject: detail.headline,
    otherwise: `address incident ${detail.id}`,
    incident: detail.id,
    place: 'first',
    footer: 'Sent by Readmit. Opening the link changes nothing.',
    blocks: [
      { kind: 'headline', text: detail.headline },
      {
        kind: 'sentence',
        text: `The scheduler on ${detail.host} refused ${plural(detail.count, 'request')} from ${detail.key} since ${when(first, paper.timezone)}, under ${plural(Math.max(names.length, detail.users), 'name')}.`,
      },
      {
        kind: 'facts',
        rows: [
          { label: 'Names tried', value: names.length ? among(names, 20) : 'none that could be read' },
          ...(endpoints.length ? [{ label: 'Endpoints', value: among(endpoints, 8) }] : []),
        ],
      },
      {
        kind: 'sentence',
        text: 'Readmit proposes nothing here and lets nobody in. If this is a login node or a NAT gateway, list it in detect.sharedAddresses.',
      },
      { kind: 'link', label: 'Open the incident', url: incidentLink(paper, detail.id) },
    ],
  });
}
