/** Addresses: lists of them as a site writes them, what is no address at all, and which are this machine's own. */
import { describe, expect, it } from 'vitest';
import { Addresses, isLoopback, isThisMachine, networkOf, portOf } from '../src/addresses.ts';

describe('a list of addresses and networks', () => {
  const list = new Addresses(['192.168.1.10', '10.0.0.0/8', '2001:db8::/32', '::1', 'login', '10.0.0.0/33']);

  it.each([
    ['192.168.1.10', true],
    ['192.168.1.11', false],
    ['10.255.0.1', true],
    ['11.0.0.1', false],
    ['2001:db8:1::5', true],
    ['2001:db9::1', false],
    ['::ffff:192.168.1.10', true],
    ['::ffff:192.168.1.11', false],
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

describe('this machine', () => {
  it.each([
    ['127.0.0.1', true, true],
    ['127.9.9.9', true, true],
    ['::1', true, true],
    ['::ffff:127.0.0.1', true, true],
    ['localhost', false, true],
    ['[::1]', false, true],
    ['10.0.0.1', false, false],
    ['::2', false, false],
    ['127.1', false, false],
    ['127.0.0.1.evil.example', false, false],
    ['localhost.evil.example', false, false],
    ['0.0.0.0', false, false],
    ['', false, false],
  ])('%s: by address %s, by name %s', (host, byAddress, byName) => {
    expect([isLoopback(host), isThisMachine(host)]).toEqual([byAddress, byName]);
  });
});

it.each([
  ['http://claw:8080/x', '8080'],
  ['http://claw', '80'],
  ['https://claw/', '443'],
  ['http://[::1]:8080', '8080'],
])('the port of %s is %s', (url, port) => expect(portOf(url)).toBe(port));
