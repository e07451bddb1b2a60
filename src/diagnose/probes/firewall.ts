/**
 * Is the scheduler's port open in the host's firewall? `--query-port` knows the ports of one zone; a port that is opened in
 * another zone, by a service or by a rich rule is open too. What can't be read in full is not known to be closed.
 */
import { portOf } from '../../addresses.ts';
import type { Fact } from '../../diagnosis.ts';
import { factMaker, failure, type Ground, messageOf, type Probe } from '../ground.ts';

export const firewall: Probe = {
  name: 'firewall',
  facts: ['firewall.open', 'firewall.port'],
  needsUser: false,
  async run(_subject, ground) {
    const { known, unknown } = factMaker(ground);
    const port = portOf(ground.config.scheduler.url);
    const argv = ['firewall-cmd', `--query-port=${port}/tcp`];
    const named = known('firewall.port', port, ground.config.scheduler.url);
    try {
      const result = await ground.run(argv);
      const word = result.stdout.trim();
      if (word === 'yes') return [known('firewall.open', true, argv.join(' ')), named];
      if (word !== 'no') return [unknown('firewall.open', failure(result, argv)), named];
      return [await otherwise(ground, Number(port)), named];
    } catch (error) {
      return [unknown('firewall.open', messageOf(error)), named];
    }
  },
};

/** Zones, services and rich rules: whatever else lets a port through. */
async function otherwise(ground: Ground, port: number): Promise<Fact> {
  const { known, unknown } = factMaker(ground);
  const argv = ['firewall-cmd', '--list-all-zones'];
  const source = argv.join(' ');
  const result = await ground.run(argv);
  const zones = activeZones(result.stdout);
  if (result.code !== 0 || zones.length === 0) return unknown('firewall.open', failure(result, argv));
  const open = zones.find(zone => zone.target === 'ACCEPT' || covers(zone.ports, port));
  if (open) return known('firewall.open', true, `${source}: zone ${open.name}`);
  const services = [...new Set(zones.flatMap(zone => words(zone.services)))];
  const ports = await Promise.all(services.map(name => portsOf(ground, name)));
  const by = services.find((_, n) => covers(ports[n] ?? '', port));
  if (by) return known('firewall.open', true, `firewall-cmd --info-service=${by}`);
  const unread = services.find((_, n) => ports[n] === null);
  if (unread) return unknown('firewall.open', `firewall-cmd --info-service=${unread}: its ports can't be read`);
  const rule = zones.flatMap(zone => zone.rules).find(text => mayAccept(text, port));
  return rule ? unknown('firewall.open', `${source}: ${rule}`) : known('firewall.open', false, source);
}

interface Zone {
  name: string;
  target: string;
  ports: string;
  services: string;
  rules: string[];
}

/** `public (active)`, then `  ports: 22/tcp`; rich rules stand below their key, one a line. */
function activeZones(text: string): Zone[] {
  return text.split(/\n(?=\S)/).flatMap(block => {
    const name = block.match(/^(\S+) \([^)]*\bactive\)/)?.[1];
    const field = (key: string): string => block.match(new RegExp(`^ +${key}:[ \\t]*(.*)$`, 'm'))?.[1] ?? '';
    const rules = block.match(/^\s+rule .*$/gm) ?? [];
    return name ? [{ name, target: field('target'), ports: field('ports'), services: field('services'), rules }] : [];
  });
}

/** The ports that a service opens; null: that can't be read in full. */
async function portsOf(ground: Ground, service: string): Promise<string | null> {
  const result = await ground.run(['firewall-cmd', `--info-service=${service}`]).catch(() => null);
  const field = (key: string): string | undefined =>
    result?.stdout.match(new RegExp(`^ +${key}:[ \\t]*(.*)$`, 'm'))?.[1];
  return result?.code === 0 && !field('includes') ? (field('ports') ?? null) : null;
}

const words = (text: string): string[] => text.split(/\s+/).filter(Boolean);

/** `8080/tcp`, or `8000-8100/tcp`. */
const covers = (ports: string, port: number): boolean =>
  words(ports).some(word => {
    const [, from, to] = word.match(/^(\d+)(?:-(\d+))?\/tcp$/) ?? [];
    return from !== undefined && Number(from) <= port && port <= Number(to ?? from);
  });

/** A rich rule that lets something through which may be this port, at least for some. */
function mayAccept(rule: string, port: number): boolean {
  if (!/\baccept\b/.test(rule)) return false;
  const named = rule.match(/\bport port="([\d-]+)" protocol="tcp"/)?.[1];
  return named === undefined ? !/\bport port=/.test(rule) : covers(`${named}/tcp`, port);
}
