/**
 * The Claw Web UI in small: a signed-in user's jobs, or the "Permission Denied" banner that the article mentions.
 * Functions from data to HTML; every value is escaped.
 */
import { inert } from './html.ts';

type View =
  | { kind: 'sign-in' }
  | { kind: 'denied'; user: string }
  | { kind: 'jobs'; user: string; jobs: { id: string; status: string; user: string; output: string }[] };

function main(view: View): string {
  switch (view.kind) {
    case 'sign-in':
      return '<form method="post" action="/sign-in"><label>User <input name="username" autofocus></label> <button>Sign in</button></form>';
    case 'denied':
      return `<p role="alert" class="banner">Permission Denied</p><p>${inert(view.user)} may not use this scheduler. Contact the cluster administrator.</p>`;
    case 'jobs': {
      const rows = view.jobs.map(
        job =>
          `<tr><td>${inert(job.id)}<td>${inert(job.status)}<td>${inert(job.user)}<td><code>${inert(job.output)}</code>`,
      );
      const table = `<table><tr><th>Job<th>Status<th>User<th>Output${rows.join('')}</table>`;
      return `<p>Jobs of ${inert(view.user)}</p>${rows.length ? table : '<p>No jobs.</p>'}`;
    }
    default:
      return view satisfies never;
  }
}

/** The page, as a reply of the scheduler. */
export function page(view: View): { status: number; body: string; headers: Record<string, string> } {
  const style =
    'body{font:16px system-ui;margin:3rem auto;max-width:50rem}td,th{padding:.3rem 1rem;text-align:left}.banner{background:#b00020;color:#fff;padding:1rem}';
  return {
    status: view.kind === 'denied' ? 403 : 200,
    body: `<!doctype html><html lang="en"><meta charset="utf-8"><title>Claw Web UI</title><style>${style}</style><h1>Claw Web UI</h1>${main(view)}</html>`,
    headers: {
      'content-security-policy':
        "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'",
    },
  };
}
