import { describe, expect, it } from 'vitest';
import {
  isLocal,
  parseDestination,
  parseListen,
  parseRelayDestination,
  parseTarget,
} from '../../src/options/places.js';
import { refusal } from '../helpers/refusal.js';

describe('places', () => {
  it('destinations', () => {
    expect(parseDestination('loopback')).toEqual({ kind: 'loopback' });
    expect(parseDestination('tcp::4444')).toEqual({ kind: 'address', address: 'tcp:127.0.0.1:4444' });
    expect(parseDestination('tcp:[::1]:4444')).toEqual({ kind: 'address', address: 'tcp:[::1]:4444' });
    for (const text of [
      '',
      'tcp:',
      'tcp:x',
      'tcp:h:65536',
      'tcp:h:0',
      'unix:',
      'file:x',
      'http://x',
      `unix:${'x'.repeat(108)}`,
    ]) {
      expect(refusal(() => parseDestination(text))).toMatchObject({ code: 'usage' });
    }
  });

  it('listens on loopback unless told otherwise', () => {
    expect(parseListen('tcp::0')).toBe('tcp:127.0.0.1:0');
    expect(refusal(() => parseListen('unix:/no/such/directory/s')).message).toContain('/no/such/directory');
    expect(refusal(() => parseListen('file:x')).hint).toContain('multifd migrate file:FILE');
    expect(refusal(() => parseDestination('file:x')).hint).toContain('multifd receive LISTEN file:FILE');
    expect(refusal(() => parseListen('raw:x')).hint).toContain('multifd migrate raw:DIR');
    expect(refusal(() => parseDestination('raw:x')).hint).toContain('multifd receive LISTEN raw:DIR');
  });

  it('refuses an address that is none before anything else is said of it', () => {
    const long = `unix:${'x'.repeat(120)}`;
    for (const text of ['tcp:127.0.0.999:0', 'tcp:1.2.3:5', 'tcp:host:99999', 'unix:', long])
      for (const parse of [parseListen, parseDestination, parseRelayDestination]) {
        const { code, message, hint } = refusal(() => parse(text));
        expect({ code, message }).toEqual({
          code: 'usage',
          message: expect.stringContaining(`address ${text}: `),
        });
        expect(hint).toMatch(/four numbers|tcp:HOST:PORT|shorter path/);
      }
  });

  it('knows what only this machine can reach', () => {
    expect(
      [
        'tcp:127.0.0.1:1',
        'tcp:[::1]:1',
        'tcp:localhost:1',
        'tcp:LocalHost.:1',
        'tcp:127.1:1',
        'unix:/x',
      ].every(isLocal),
    ).toBe(true);
    expect(['tcp:0.0.0.0:1', 'tcp:[::]:1', 'tcp:192.0.2.1:1', 'tcp:localhost.example:1'].some(isLocal)).toBe(
      false,
    );
  });

  it('targets', () => {
    expect(parseTarget(undefined)).toEqual({ kind: 'memory' });
    expect(parseTarget('memory')).toEqual({ kind: 'memory' });
    expect(parseTarget('memory:thp')).toEqual({ kind: 'memory', backing: 'thp' });
    expect(parseTarget('memory:auto')).toEqual({ kind: 'memory', backing: 'auto' });
    expect(parseTarget('raw:a:b')).toEqual({ kind: 'raw', directory: 'a:b' });
    expect(parseTarget('file:a:b')).toEqual({ kind: 'file', path: 'a:b' });
    for (const text of ['', 'raw:', 'file:', 'file:a\0b', 'raw:\0', 'dir', 'memory:', 'memory:ram'])
      expect(refusal(() => parseTarget(text)).code).toBe('usage');
  });
});
