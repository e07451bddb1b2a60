/** One group into one list of one YAML file, every other byte as it was; and what is refused by name. */
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { authorizeGroup, removeInserted, SpliceRefused, textOf } from '../../src/splice.ts';

const head = 'auth:\n  mode: groups\n  authorized_groups:';

describe('taken', () => {
  const layouts: [string, string, string][] = [
    ["the article's file", `${head}\n    - claw-admins  # Too restrictive\n`, '    - claw-users\n'],
    ['comments below', `${head}\n    - a # x\n    # - b\nport: 0123\n`, '    - claw-users\n'],
    ['no indentation, wide dashes', `${head}\n  -   a\n  -   b\n`, '  -   claw-users\n'],
    ['double quotes', `${head}\n    - "a"\n`, '    - "claw-users"\n'],
    ['single quotes', `${head}\n    - 'a'\n`, "    - 'claw-users'\n"],
    ['CRLF', `${head}\n    - a\n`.replaceAll('\n', '\r\n'), '    - claw-users\r\n'],
    ['no final newline', `${head}\n    - a`, '\n    - claw-users'],
    ['brackets', `${head} [a, b]  # c\n`, ', claw-users'],
    ['brackets, tight', `${head} ["a","b"]\n`, ',"claw-users"'],
    ['a trailing comma', `${head} [a, ]\n`, ', claw-users'],
    ['empty brackets', `${head} []\n`, 'claw-users'],
    ['brackets over lines', `${head} [\n    a,\n    b # x\n  ]\n`, '    claw-users,\n'],
    ['JSON', '{"auth": {"authorized_groups": ["a"]}}', ', "claw-users"'],
    ['anchors elsewhere, bytes before', `# ü\nx: &x {a: 0123}\ny: *x\n${head}\n    - é\n`, '    - claw-users\n'],
    ['a byte order mark', `\ufeff${head}\n    - a\n`, '    - claw-users\n'],
    ['a document end', `---\n${head}\n    - a\n...\n`, '    - claw-users\n'],
  ];
  test.each(layouts)('%s', (_, text, insert) => {
    const splice = authorizeGroup(text, 'claw-users', '/etc/c.yaml');
    expect(splice.insert).toBe(insert);
    expect(parse(splice.after).auth.authorized_groups).toContain('claw-users');
    const bytes = Buffer.from(text);
    const at = splice.at;
    expect(Buffer.concat([bytes.subarray(0, at), Buffer.from(insert), bytes.subarray(at)]).toString()).toBe(
      splice.after,
    );
    expect(removeInserted(splice.after, at, insert)).toBe(text);
    expect(
      splice.diff
        .split('\n')
        .filter(l => /^[+](?![+])/.test(l))
        .join(''),
    ).toContain('claw-users');
  });

  test('a name that reads as something else is quoted', () => {
    expect(authorizeGroup(`${head}\n    - a\n`, 'on').insert).toBe("    - 'on'\n");
  });

  test('the diff is what patch would take', () => {
    expect(authorizeGroup(`${head}\n    - a  # c\nz: 1\n`, 'g', '/etc/c.yaml').diff).toBe(
      '--- /etc/c.yaml\n+++ /etc/c.yaml\n@@ -2,4 +2,5 @@\n   mode: groups\n   authorized_groups:\n     - a  # c\n+    - g\n z: 1\n',
    );
  });
});

describe('C12 refused', () => {
  const bomb = `a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: [*c,*c,*c,*c,*c,*c]\n${head} [a]\n`;
  const cases: [string, string, string][] = [
    ['invalid YAML', 'auth: [\n', 'invalid-yaml'],
    ['a depth nobody writes', '['.repeat(100_000), 'invalid-yaml'],
    ['duplicate keys', `${head} [a]\nauth: {}\n`, 'duplicate-keys'],
    ['two documents', `${head} [a]\n---\nx: 1\n`, 'multiple-documents'],
    ['an alias bomb', bomb, 'alias-bomb'],
    ['an alias as the list', `g: &g [a]\n${head} *g\n`, 'alias-on-path'],
    ['an alias as auth', 'x: &x {authorized_groups: [a]}\nauth: *x\n', 'alias-on-path'],
    ['an alias in the list', `g: &g a\n${head} [*g]\n`, 'alias-on-path'],
    ['an anchor on the list', `${head} &g [a]\n`, 'anchor-on-path'],
    ['an anchor on auth', 'auth: &x\n  authorized_groups: [a]\n', 'anchor-on-path'],
    ['a merge key', 'b: &b {mode: g}\nauth:\n  <<: *b\n  authorized_groups: [a]\n', 'merge-key'],
    ['no list', 'auth:\n  mode: groups\n', 'no-such-list'],
    ['nothing at all', '', 'no-such-list'],
    ['an empty value', `${head}\n`, 'not-a-list'],
    ['a text', `${head} claw-admins\n`, 'not-a-list'],
    ['a list in the list', `${head}\n    - [a]\n`, 'odd-layout'],
    ['a block of text', `${head}\n    - |-\n      a\n`, 'odd-layout'],
    ['a tag', `${head} !!set [a]\n`, 'odd-layout'],
    ['there already', `${head} ["claw-users"]\n`, 'already-there'],
  ];
  test.each(cases)('%s', (_, text, reason) => {
    let thrown: unknown;
    try {
      authorizeGroup(text, 'claw-users');
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toBeInstanceOf(SpliceRefused);
    expect((thrown as SpliceRefused).reason).toBe(reason);
  });

  test('names that are no names, text that is no text, and an insertion that is gone', () => {
    expect(() => authorizeGroup(`${head} [a]\n`, 'x\n    - root')).toThrow(/bad-name/);
    expect(() => textOf(Buffer.from([0x61, 0xff]))).toThrow(/not-utf8/);
    expect(() => removeInserted('abc', 1, 'x')).toThrow(/moved/);
  });
});
