/**
 * The site's web proxy, of the kind that the article warns of: it passes plain HTTP requests on, and drops the
 * `Authorization` header on the way. It forwards to the practice scheduler and to nothing else.
 */
import { createServer, request as httpRequest, type Server } from 'node:http';

export async function openProxy(port: number, schedulerPort: number): Promise<{ close(): Promise<void> }> {
  const server: Server = createServer((incoming, outgoing) => {
    const fail = (status: number, text: string): void => {
      if (!outgoing.headersSent) outgoing.writeHead(status, { 'content-type': 'application/json' });
      outgoing.end(JSON.stringify({ error: 'proxy', message: text }));
    };
    const url = URL.canParse(incoming.url ?? '') ? new URL(incoming.url!) : null;
    const host = url?.hostname.replace(/^\[|\]$/g, '') ?? '';
    if (!url || Number(url.port) !== schedulerPort || !['127.0.0.1', '::1'].includes(host)) {
      fail(403, 'this proxy knows the scheduler only');
      return;
    }
    const { authorization: _, ...headers } = incoming.headers;
    const onward = httpRequest({
      host,
      port: schedulerPort,
      path: url.pathname + url.search,
      method: incoming.method,
      agent: false,
      headers: { ...headers, via: '1.1 proxy' },
    });
    onward.on('response', response => {
      outgoing.writeHead(response.statusCode ?? 502, response.headers);
      response.pipe(outgoing);
    });
    onward.on('error', () => fail(502, 'scheduler unreachable'));
    incoming.pipe(onward);
  });
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(port, '127.0.0.1', () => resolve()));
  return {
    close: () =>
      new Promise(resolve => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}
