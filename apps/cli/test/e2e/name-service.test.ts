import { describe, expect, it } from 'vitest';
import { canMount, start, startReceive } from '../helpers/cli.js';
import { nameServer } from '../helpers/name-server.js';

describe.runIf(canMount)(`the destination's name${canMount ? '' : ' (this user may not mount)'}`, () => {
  it('a name service that does not answer is named, while it still does not', async () => {
    const names = await nameServer(() => undefined);
    const to = 'tcp:destination.example:4444';
    const migrating = start(['migrate', 'demo:1M', to, '--setup-timeout', '6000'], names);
    const line = await migrating.says(/^multifd: .*$/m);
    expect(line).toBe(
      `multifd: main stream: cannot connect to ${to}: the name service did not answer within 6000 ms`,
    );
    names.end();
    const { code, stderr } = await migrating.ended;
    expect(code).toBe(1);
    expect(stderr).toMatch(/hint: give the address in numbers.*the guest is intact here/);
  });

  it('a relay says so too, when a guest comes', async () => {
    let answers = true;
    const names = await nameServer(() => (answers ? '127.0.0.1' : undefined));
    const args = ['relay', 'tcp:127.0.0.1:0', 'tcp:destination.example:4444', '--setup-timeout', '6000'];
    const relaying = start(args, names);
    const address = await relaying.says(/listening on (tcp:\S+)/);
    answers = false;
    const migrating = start(['migrate', 'demo:1M', address]);
    await migrating.says(/the destination says: .*the name service did not answer within 6000 ms/);
    names.end();
    expect((await migrating.ended).code).toBe(1);
    await relaying.ended;
  });

  it.each(['migrate', 'relay'])(
    'channels go where main went, whatever the name stands for by then: %s',
    async (command) => {
      const receiving = await startReceive([]);
      const port = receiving.address.replace(/.*:/, '');
      // The first query decides; whoever asks again is sent where nobody listens.
      let asked = 0;
      const names = await nameServer(() =>
        asked++ < (command === 'relay' ? 4 : 2) ? '127.0.0.1' : '127.0.0.9',
      );
      const to = `tcp:destination.example:${port}`;
      const source = ['migrate', 'demo:1M'];
      if (command === 'migrate') {
        expect((await start([...source, to], names).ended).code).toBe(0);
      } else {
        const relaying = start(['relay', 'tcp:127.0.0.1:0', to], names);
        const address = await relaying.says(/listening on (tcp:\S+)/);
        expect((await start([...source, address]).ended).code).toBe(0);
        expect((await relaying.ended).code).toBe(0);
      }
      expect((await receiving.ended).code).toBe(0);
    },
  );
});
