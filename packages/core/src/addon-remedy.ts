import { member } from './member.js';

/** What is wrong with an addon. */
export type AddonFault = 'missing' | 'cut short' | 'broken' | 'unreadable';

export interface AddonSource {
  readonly packageName: string;
  readonly triple: string;
  /** What npm installed; undefined in a clone of the repository. */
  readonly installed: InstalledPackage | undefined;
}

export interface InstalledPackage {
  readonly version: string | undefined;
  /** The packages with its machine code, one for each platform. */
  readonly platforms: readonly string[];
}

/** What to do about an addon that could not be loaded: one line, for whoever has the package from npm or in a clone. */
export function addonRemedy(fault: AddonFault, { packageName, triple, installed }: AddonSource): string {
  if (fault === 'unreadable') return 'check its mode, and who may enter the directories above it';
  if (installed === undefined) {
    const build = 'install Rust (rustup) and run `pnpm build`';
    if (fault === 'missing') return `build it: ${build}, which says what else is missing`;
    return `build it again on this machine: ${build}`;
  }
  if (installed.platforms.length === 0)
    return `install ${packageName} again; if it then still holds no addon for ${triple}, ask its author, or build it there from its source`;
  const platform = `${packageName}-${triple}`;
  if (!installed.platforms.includes(platform))
    return `${packageName} is not published for ${triple}: build it there in a clone of its repository, with Rust`;
  const exact = installed.version === undefined ? platform : `${platform}@${installed.version}`;
  if (fault === 'missing')
    return `run \`npm install ${exact}\`: an installation without optional dependencies, or on another platform, leaves it out`;
  if (fault === 'cut short') return `remove node_modules/${platform} and run \`npm install ${exact}\``;
  return `run \`npm install ${exact}\` again; if it stays, this system is too old for it: build it here in a clone of its repository, with Rust`;
}

/** @param from URL of a module in the package's `dist`. @param manifest its package.json, parsed; undefined if there is none. */
export function installedPackage(from: string, manifest: unknown): InstalledPackage | undefined {
  if (!from.includes('/node_modules/')) return undefined;
  const version = member(manifest, 'version');
  return {
    version: typeof version === 'string' ? version : undefined,
    platforms: Object.keys(Object(member(manifest, 'optionalDependencies') ?? {})),
  };
}
