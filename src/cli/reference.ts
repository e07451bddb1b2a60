/** `readmit config`: checks readmit.yaml, or prints what it may hold, made from the schema that reads it. */
import { configSchema, loadConfig } from '../config/config.ts';
import { checkWire } from '../web/wire.ts';
import { print, printJson } from './print.ts';

interface Schema {
  type?: string | string[];
  description?: string;
  default?: unknown;
  properties?: Record<string, Schema>;
  enum?: unknown[];
  anyOf?: Schema[];
  oneOf?: Schema[];
  const?: unknown;
  items?: Schema;
  pattern?: string;
}

const kind = (s: Schema): string => {
  if (s.enum) return s.enum.map(v => JSON.stringify(v)).join(' · ');
  if (s.anyOf) return s.anyOf.map(kind).join(' or ');
  if (s.type === 'array') return `list of ${s.items ? kind(s.items) : 'values'}`;
  return String(s.type ?? 'value');
};

function rows(schema: Schema, path: string): string[] {
  return Object.entries(schema.properties ?? {}).flatMap(([key, s]) => {
    const name = path ? `${path}.${key}` : key;
    const inner = s.properties ? s : s.anyOf?.find(a => a.properties);
    const text = s.description ?? '';
    if (inner) return [`| **\`${name}\`** | | | ${text} |`, ...rows(inner, name)];
    const each = s.items?.properties ? [s.items] : (s.items?.anyOf ?? s.items?.oneOf ?? []);
    if (each.some(e => e.properties))
      return [`| **\`${name}\`** | list | \`[]\` | ${text} |`, ...rows(oneOf(each), `${name}[]`)];
    const value = s.default === undefined ? '' : `\`${JSON.stringify(s.default).replaceAll('|', '\\|')}\``;
    return [`| \`${name}\` | ${kind(s).replaceAll('|', '\\|')} | ${value} | ${text} |`];
  });
}

/** All keys that one kind or another of a list's entries has. Which kind has which, the file's own errors say. */
const oneOf = (kinds: Schema[]): Schema => {
  const properties: Record<string, Schema> = {};
  for (const kind of kinds)
    for (const [key, schema] of Object.entries(kind.properties ?? {})) {
      const known = properties[key];
      if (!known) properties[key] = schema;
      else if (known.const !== undefined) known.enum = [...(known.enum ?? [known.const]), schema.const];
    }
  return { properties };
};

export const configReference = (): string =>
  [
    '# readmit.yaml',
    '',
    'Made from the schema that reads the file (`npm run docs`); every key may be left out. An unknown key or a wrong value is an error that names file, line and key.',
    '',
    '| key | value | default | what it does |',
    '|---|---|---|---|',
    // The name of the machine it was made on is nobody's default.
    ...rows(configSchema() as Schema, '').map(r =>
      r.startsWith('| `host`') ? r.replace(/`"[^`]*"`/, "this host's name") : r,
    ),
    '',
  ].join('\n');

export async function configCommand(o: { config?: string; reference?: boolean; schema?: boolean }): Promise<void> {
  if (o.reference) return print(configReference());
  if (o.schema) return printJson(configSchema());
  const config = loadConfig(o.config);
  checkWire(config);
  print(`${config.file}: in order`);
}
