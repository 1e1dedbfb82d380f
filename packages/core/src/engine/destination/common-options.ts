import type { ServerTls } from '../../transport/tls/credentials.js';
import type { DestinationEvent } from '../api.js';

/** Options that the incoming sides of `receive` and `relay` share. */
export interface CommonOptions {
  readonly machineType?: string;
  readonly methodModules?: readonly string[];
  readonly methodSettings?: Readonly<Record<string, number | string>>;
  readonly tls?: ServerTls;
  readonly signal?: AbortSignal;
  readonly onEvent?: (event: DestinationEvent) => void;
}
