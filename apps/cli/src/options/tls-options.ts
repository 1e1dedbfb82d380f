import { Option } from '@commander-js/extra-typings';
import { type AuthzRule, MultifdError, parseAuthzRule } from '@multifd/core';

/** Options of TLS. A relay has those of its destination once more, with `outgoing-` in front. */

export function tlsCreds() {
  return new Option(
    '--tls-creds <dir>',
    'TLS on all connections, with the credentials in this folder, named as QEMU names them (default: no TLS)',
  ).argParser((text) => parseDir(text, '--tls-creds'));
}

export function outgoingTlsCreds() {
  return new Option(
    '--outgoing-tls-creds <dir>',
    'TLS on all connections to the destination, with the credentials in this folder (default: no TLS)',
  ).argParser((text) => parseDir(text, '--outgoing-tls-creds'));
}

function parseDir(text: string, name: string): string {
  if (text !== '' && !text.includes('\0')) return text;
  throw new MultifdError('usage', `${name}: it names no folder`, {
    hint: 'multifd tls init DIR makes one',
  });
}

export const TLS_PSK = '--tls-psk';
export const TLS_PSK_HELP = 'the folder has a shared key, keys.psk, instead of certificates';
export const OUTGOING_TLS_PSK = '--outgoing-tls-psk';

export function tlsUsername() {
  return new Option('--tls-username <name>', "whose key of keys.psk is this end's (default: qemu)");
}

export function outgoingTlsUsername() {
  return new Option('--outgoing-tls-username <name>', 'the same, to the destination (default: qemu)');
}

export function tlsHostname() {
  return new Option(
    '--tls-hostname <name>',
    "name that the destination's certificate must have (default: the host of its address)",
  );
}

export function outgoingTlsHostname() {
  return new Option(
    '--outgoing-tls-hostname <name>',
    "name that the destination's certificate must have (default: the host of its address)",
  );
}

export function tlsAuthz() {
  return new Option(
    '--tls-authz <rule>',
    'who may connect: the subject of a certificate, or a glob of subjects; deny: in front turns away; the first that matches decides, nobody else may; may be repeated (default: every valid certificate)',
  ).argParser<readonly AuthzRule[]>((text, before = []) => [...before, parseAuthzRule(text)]);
}

export const INSECURE = '--insecure';
export const INSECURE_HELP =
  'listen without TLS where other machines can connect: whoever does can read and forge the guest';
