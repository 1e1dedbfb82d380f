import type { X509Certificate } from 'node:crypto';
import { MultifdError } from '../../errors.js';
import type { AuthzRule } from './credentials.js';

/**
 * Reads a rule: a subject (`O=Example,CN=source.example`), or a glob of subjects if it has `*` or `?`. `deny:` in front
 * turns away those who match.
 * @throws MultifdError `usage` for an empty one.
 */
export function parseAuthzRule(text: string): AuthzRule {
  const [, policy = 'allow', match = ''] = /^(?:(allow|deny):)?(.*)$/s.exec(text) ?? [];
  if (match.trim() === '' || match.includes('\0')) {
    throw new MultifdError('usage', `tls-authz ${JSON.stringify(text)}: it names nobody`, {
      hint: "write a certificate's subject, as in O=Example,CN=source.example, or a glob, as in '*,CN=*.example'",
    });
  }
  return {
    match,
    policy: policy === 'deny' ? 'deny' : 'allow',
    format: /[*?]/.test(match) ? 'glob' : 'exact',
  };
}

/** Whether a subject may connect: as QEMU's `authz-list` decides, with the default policy `deny`. */
export function isAuthorized(subject: string, rules: readonly AuthzRule[]): boolean {
  const rule = rules.find(({ match, format }) =>
    format === 'exact' ? match === subject : globMatches(match, subject),
  );
  return rule?.policy === 'allow';
}

/** GLib's simple patterns. In time proportional to both lengths: the subject is a stranger's. */
export function globMatches(pattern: string, text: string): boolean {
  let [at, from] = [0, 0];
  // Where the last star is, and which characters it has taken so far.
  let [star, taken] = [-1, 0];
  while (from < text.length) {
    if (pattern[at] === '*') {
      star = at++;
      taken = from;
    } else if (pattern[at] === '?' || pattern[at] === text[from]) {
      at++;
      from++;
    } else if (star >= 0) {
      at = star + 1;
      from = ++taken;
    } else return false;
  }
  while (pattern[at] === '*') at++;
  return at === pattern.length;
}

/**
 * A certificate's subject in one line, as QEMU compares it (GnuTLS, gnutls_x509_crt_get_dn): its parts in the order in
 * which the certificate has them, commas inside a part escaped.
 */
export function subjectOf({ subject }: Pick<X509Certificate, 'subject'>): string {
  // Node escapes as RFC 2253 does, line breaks too. A certificate may have no subject at all.
  return (subject ?? '').replaceAll('\n', ',').replaceAll(' + ', '+');
}
