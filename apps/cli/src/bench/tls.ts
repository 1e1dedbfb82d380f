import { join } from 'node:path';
import type { TlsEndpoint } from '@multifd/core';
import { makeCertificates } from '../tls/make-files.js';
import { writePrivately } from '../tls/write-folder.js';
import type { Row } from './rows.js';
import type { SampleTls } from './sample.js';

/** Id of a QEMU's `tls-creds-x509`. */
export const TLS_ID = 'tls';
/** What a QEMU to a QEMU uses: their priorities leave nothing else. */
export const ONLY_SUITE: SampleTls = { version: 'TLSv1.3', cipher: 'TLS_AES_256_GCM_SHA384' };
/** Its name in GnuTLS. */
const PRIORITY = 'NORMAL:-VERS-ALL:+VERS-TLS1.3:-CIPHER-ALL:+AES-256-GCM';

/** Makes the credentials of a run. @param folder of this run. */
export async function makeBenchCredentials(folder: string): Promise<void> {
  const { files } = await makeCertificates([]);
  writePrivately(credentialsIn(folder), files);
}

/** What both of our ends are told. @param folder of this run. */
export function ourTlsArguments(folder: string): string[] {
  return ['--tls-creds', credentialsIn(folder)];
}

/** `-object` of one end of a QEMU; nothing without TLS. @param folder of this run. */
export function qemuTlsArguments({ tls }: Row, endpoint: TlsEndpoint, folder: string): string[] {
  if (tls !== true) return [];
  // A comma in a value is written twice.
  const dir = credentialsIn(folder).replaceAll(',', ',,');
  const words = [
    `id=${TLS_ID}`,
    `endpoint=${endpoint}`,
    `dir=${dir}`,
    'verify-peer=on',
    `priority=${PRIORITY}`,
  ];
  return ['-object', `tls-creds-x509,${words.join(',')}`];
}

function credentialsIn(folder: string): string {
  return join(folder, 'tls-creds');
}
