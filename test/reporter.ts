/**
 * What a run of vitest leaves for `lanes.ts`: every test with its reason, and what failed around the tests. Vitest's own
 * JSON leaves out why a `describe` could not begin, and counts a file whose clearing up failed as passed.
 */
import { writeFileSync } from 'node:fs';
import type { Reporter, SerializedError, TestCase, TestModule, TestSuite } from 'vitest/node';

/** One test; or, with the name of a `describe` or none, what failed before or after its tests. */
export interface Shown {
  /** Path from the root of the project. */
  file: string;
  /** Titles from the outermost `describe` inwards, one a line. */
  name: string;
  passed: boolean;
  why: string;
}

const told = (errors: readonly { message: string; stack?: string }[]): string =>
  errors.map(e => (e.stack?.includes(e.message) ? e.stack : `${e.message}\n${e.stack ?? ''}`)).join('\n');

function titles(of: TestCase | TestSuite): string {
  const above = of.parent.type === 'module' ? '' : `${titles(of.parent)}\n`;
  return above + of.name;
}

function ofTest(test: TestCase): Shown {
  const { state, errors = [] } = test.result();
  return {
    file: test.module.relativeModuleId,
    name: titles(test),
    passed: state === 'passed',
    why: told(errors) || `it was ${state}`,
  };
}

const around = (file: string, name: string, errors: readonly SerializedError[]): Shown[] =>
  errors.length ? [{ file, name, passed: false, why: told(errors) }] : [];

function ofModule(module: TestModule): Shown[] {
  const file = module.relativeModuleId;
  const tests = [...module.children.allTests()].map(ofTest);
  const suites = [...module.children.allSuites()].flatMap(s => around(file, titles(s), s.errors()));
  const own = around(file, '', module.errors());
  if (tests.length + suites.length + own.length === 0) own.push({ file, name: '', passed: false, why: 'no test ran' });
  return [...own, ...suites, ...tests];
}

/** Writes what was shown to the file that `READMIT_SHOWN` names. */
export default class Telling implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandled: readonly SerializedError[]): void {
    const nobodys = around(modules.map(m => m.relativeModuleId).join(' '), '', unhandled);
    writeFileSync(process.env.READMIT_SHOWN!, JSON.stringify([...modules.flatMap(ofModule), ...nobodys]));
  }
}
