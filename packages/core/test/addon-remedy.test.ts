import { describe, expect, it } from 'vitest';
import { type AddonFault, addonRemedy, installedPackage } from '../src/addon-remedy.js';

const triple = 'linux-x64-gnu';
const packageName = '@multifd/accel-native';
const FROM_NPM = 'file:///home/me/program/node_modules/@multifd/accel-native/dist/index.js';
const manifest = { version: '1.2.3', optionalDependencies: { [`${packageName}-${triple}`]: '1.2.3' } };
const FAULTS: readonly AddonFault[] = ['missing', 'cut short', 'broken'];

const remedy = (fault: AddonFault, from: string, platform = triple): string =>
  addonRemedy(fault, { packageName, triple: platform, installed: installedPackage(from, manifest) });

describe('what to do about an addon that is missing', () => {
  it.each(FAULTS)('%s, from npm: what to type, and nothing of a workspace that is not there', (fault) => {
    const text = remedy(fault, FROM_NPM);
    expect(text).toContain('`npm install @multifd/accel-native-linux-x64-gnu@1.2.3`');
    expect(text).not.toContain('pnpm');
  });

  it.each(FAULTS)('%s, on a platform without a package: nothing that npm cannot find', (fault) => {
    const text = remedy(fault, FROM_NPM, 'linux-riscv64-gnu');
    expect(text).toMatch(/is not published for linux-riscv64-gnu.*Rust/);
    expect(text).not.toContain('npm install');
  });

  it.each(FAULTS)('%s, in a clone: how it is built', (fault) => {
    const text = remedy(fault, 'file:///home/me/multifd/packages/accel-native/dist/index.js');
    expect(text).toMatch(/Rust \(rustup\) and run `pnpm build`/);
    expect(text).not.toContain('npm install');
  });

  it('one that may not be read is not built or installed again', () => {
    for (const from of [FROM_NPM, 'file:///home/me/multifd/packages/accel-native/dist/index.js'])
      expect(remedy('unreadable', from)).toBe('check its mode, and who may enter the directories above it');
  });

  it.each(FAULTS)(
    '%s, of a package that holds its addons itself: nothing of packages that it has not',
    (fault) => {
      const installed = installedPackage('file:///home/me/node_modules/pool-accel/index.js', {
        version: '1.0.0',
      });
      const text = addonRemedy(fault, { packageName: 'pool-accel', triple, installed });
      expect(text).toMatch(/^install pool-accel again; .* no addon for linux-x64-gnu/);
    },
  );

  it('without a package.json that says more', () => {
    expect(installedPackage(FROM_NPM, undefined)).toEqual({ version: undefined, platforms: [] });
    expect(installedPackage(FROM_NPM, { optionalDependencies: 'x' })?.version).toBeUndefined();
  });
});
