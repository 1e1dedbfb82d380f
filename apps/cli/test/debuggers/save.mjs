/**
 * save.mjs SOCKET DESTINATION: stops the guest of a QEMU (its monitor is at SOCKET) and migrates it to DESTINATION, `file:PATH` with
 * mapped-ram or an address where a `multifd receive` listens.
 */
import { QmpClient, setCapabilities, waitForMigration } from '@multifd/qemu';

const [path = '', uri = ''] = process.argv.slice(2);
const qmp = await QmpClient.connect({ path });
await qmp.execute('stop');
const isFile = uri.startsWith('file:');
await setCapabilities(qmp, { multifd: true, ...(isFile ? { 'mapped-ram': true } : { 'return-path': true }) });
await qmp.execute('migrate', { uri });
const { status } = await waitForMigration(qmp, ['completed', 'failed'], 300_000);
qmp.close();
if (status !== 'completed') throw new Error(`the migration to ${uri} has ${status}`);
