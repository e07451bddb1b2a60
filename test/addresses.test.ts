/** Lists of addresses as a site writes them: what is in them, and what is no address at all. */
import { describe, expect, it } from 'vitest';
import { Addresses, isLoopback, networkOf } from '../src/addresses.ts';

describe('a list of addresses and networks', () => {
  const list = new Addresses(['192.168.1.10', '10.0.0.0/8', '2001:db8::/32', '::1', 'login', '10.0.0.0/33']);

  it.each([
    ['192.168.1.10', true],
    ['192.168.1.11', false],
    ['10.255.0.1', true],
    ['11.0.0.1', false],
    ['2001:db8:1::5', true],
    ['2001:db9::1', false],
    ['::1', true],
    ['login', false],
    ['', false],
  ])('%s: %s', (ip, there) => {
    expect(list.has(ip)).toBe(there);
  });

  it('without an entry nobody is in it', () => {
    expect(new Addresses([]).has('127.0.0.1')).toBe(false);
  });
});

it.each(['192.168.1.300', '10.0.0.0/33', '2001:db8::/129', '10.0.0.0/8/8', '10.0.0.0/', '10.0.0.0/-1', 'login', ''])(
  '%j is neither an address nor a network',
  text => {
    expect(networkOf(text)).toBeNull();
  },
);

it('this machine is 127.0.0.0/8 and ::1', () => {
  expect(['127.0.0.1', '127.9.9.9', '::1', '10.0.0.1', '::2', 'localhost'].map(isLoopback)).toEqual([
    ...[true, true, true, false, false, false],
  ]);
});
