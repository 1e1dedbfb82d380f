import { MultifdError } from '../../errors.js';
import type { Address } from '../address.js';
import type { ClientTls, ServerTls, TlsEndpoint } from './credentials.js';

/** @throws MultifdError `usage` for credentials of the wrong end, or a certificate whose name cannot be checked. */
export function checkClientTls(tls: ClientTls | undefined, address: Address): void {
  if (tls === undefined) return;
  const { credentials, hostname } = tls;
  checkEndpoint(credentials.endpoint, 'client');
  const checksName = credentials.kind === 'x509' && credentials.verifyPeer;
  if (checksName && address.kind === 'unix' && hostname === undefined) {
    throw new MultifdError(
      'usage',
      'tls-hostname: a unix: address has no host that the certificate could be for',
      {
        hint: "give the name that is in the destination's certificate",
      },
    );
  }
}

/** @throws MultifdError `usage` for credentials of the wrong end, or rules that nothing could be checked by. */
export function checkServerTls(tls: ServerTls | undefined): void {
  if (tls === undefined) return;
  const { credentials, authz } = tls;
  checkEndpoint(credentials.endpoint, 'server');
  if (authz === undefined) return;
  if (credentials.kind === 'psk' || !credentials.verifyPeer) {
    throw new MultifdError('usage', 'tls-authz: there is no certificate that it could allow', {
      hint: 'it needs certificates, and tls-verify-peer',
    });
  }
}

function checkEndpoint(given: TlsEndpoint, needed: TlsEndpoint): void {
  if (given === needed) return;
  const end = needed === 'client' ? 'source' : 'destination';
  throw new MultifdError('usage', `tls-creds: these are for endpoint=${given}, and a ${end} is a ${needed}`);
}
