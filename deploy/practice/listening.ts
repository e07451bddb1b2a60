/**
 * The scheduler's two sockets, 127.0.0.1 and [::1], behind the practice firewall: an address whose port the firewall
 * does not let through is closed, so that a client meets a real refusal. SIGUSR2 makes it look at the rules again.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer, type RequestListener, type Server } from 'node:http';
import { join } from 'node:path';
import type { Layout } from './layout.ts';

type Family = '127.0.0.1' | '::1';

/** Which of the two addresses the firewall lets through. */
function open(at: Layout, port: number): Record<Family, boolean> {
  const rules = (file: string): string[] => readFileSync(join(at.firewall, file), 'utf8').split(/\s*\n\s*/);
  const let4 = rules('ports').includes(`${port}/tcp`);
  const reject6 = rules('rich-rules').some(
    r => r.includes('family="ipv6"') && r.includes(`port="${port}"`) && /(reject|drop)/.test(r),
  );
  return { '127.0.0.1': let4, '::1': let4 && !reject6 };
}

export interface Listening {
  /** Opens and closes sockets as the firewall says, and notes in DIR/run/firewall-applied which rules are in force. */
  apply(): Promise<void>;
  close(): Promise<void>;
}

/** @throws when a port that should be open can't be; a machine without IPv6 is no error */
export async function listenBehindFirewall(at: Layout, port: number, answer: RequestListener): Promise<Listening> {
  const servers = new Map<Family, Server>();
  const shut = (server: Server): Promise<void> =>
    new Promise(resolve => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
  const listen = (family: Family): Promise<void> =>
    new Promise((resolve, reject) => {
      const server = createServer({ keepAliveTimeout: 5_000, requestTimeout: 10_000 }, answer);
      server.once('error', error => {
        const without6 =
          family === '::1' && /EADDRNOTAVAIL|EAFNOSUPPORT/.test((error as NodeJS.ErrnoException).code ?? '');
        if (without6) resolve();
        else reject(error);
      });
      server.listen({ host: family, port, ipv6Only: true }, () => {
        servers.set(family, server);
        resolve();
      });
    });
  const apply = async (): Promise<void> => {
    for (const [family, wanted] of Object.entries(open(at, port)) as [Family, boolean][]) {
      const server = servers.get(family);
      if (wanted && !server) await listen(family);
      if (!wanted && server) {
        servers.delete(family);
        await shut(server);
      }
    }
    writeFileSync(
      join(at.run, 'firewall-applied'),
      readFileSync(join(at.firewall, 'ports'), 'utf8') + readFileSync(join(at.firewall, 'rich-rules'), 'utf8'),
    );
  };
  await apply();
  return {
    apply,
    close: async () => {
      await Promise.all([...servers.values()].map(shut));
      servers.clear();
    },
  };
}
