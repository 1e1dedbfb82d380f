import { X509Certificate } from 'node:crypto';
import { TestAuthority } from '@multifd/testing/certificates';
import { describe, expect, it } from 'vitest';
import { globMatches, isAuthorized, parseAuthzRule, subjectOf } from '../../../src/transport/tls/authz.js';
import vectors from './vectors/authz.json' with { type: 'json' };

describe('tls-authz, as authz-list of QEMU', () => {
  it.each(vectors)('$rules: $subject is allowed: $allowed', ({ rules, subject, allowed }) => {
    expect(isAuthorized(subject, rules.map(parseAuthzRule))).toBe(allowed);
  });

  it.each(['', ' ', 'deny:', 'allow:', 'CN=a\0'])('%j names nobody', (text) => {
    expect(() => parseAuthzRule(text)).toThrow(/it names nobody/);
  });

  it('a glob of many stars takes no longer than both lengths multiplied', () => {
    const pattern = `${'*a'.repeat(2000)}b`;
    expect(globMatches(pattern, 'a'.repeat(20_000))).toBe(false);
  });
});

describe('the subject of a certificate', () => {
  const cases = [
    ['CN=source.example', 'CN=source.example'],
    ['C=GB,O=Example,CN=a', 'C=GB,O=Example,CN=a'],
    // Nothing in a part can look like another part.
    ['O=A\\, CN=b,CN=c', 'O=A\\, CN=b,CN=c'],
    ['CN=a\\+b', 'CN=a\\+b'],
  ] as const;
  it.each(cases)('%s reads %s', async (subject, expected) => {
    const { cert } = await (await TestAuthority.make()).issue('client', { subject });
    expect(subjectOf(new X509Certificate(cert))).toBe(expected);
  });
});
