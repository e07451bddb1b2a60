/**
 * A real OpenID Connect provider on the loopback, as a process of its own: the certified `oidc-provider` with its plain
 * login form. Arguments: port, the client's redirect address, a JSON file of people (sub → claims), read at each request.
 */
import { readFileSync } from 'node:fs';
import Provider from 'oidc-provider';

const [port, redirect, people] = process.argv.slice(2);
const claimsOf = sub => JSON.parse(readFileSync(people, 'utf8'))[sub];
const provider = new Provider(`http://127.0.0.1:${port}`, {
  clients: [
    {
      client_id: 'readmit',
      client_secret: 'a secret of the client',
      redirect_uris: [redirect],
      grant_types: ['authorization_code'],
      response_types: ['code'],
    },
  ],
  claims: { openid: ['sub'], profile: ['preferred_username', 'groups'] },
  findAccount: (_, sub) => (claimsOf(sub) ? { accountId: sub, claims: () => ({ sub, ...claimsOf(sub) }) } : undefined),
  features: { devInteractions: { enabled: true } },
  pkce: { required: () => true },
  cookies: { keys: ['only for a test'] },
});
provider.listen(Number(port), '127.0.0.1', () => console.log('listening'));
