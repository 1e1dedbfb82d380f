import type { MultifdError } from '../../errors.js';
import type { IncomingBlock } from '../../ram/incoming-ram.js';
import type { HostAddresses } from '../../transport/look-up.js';
import type { TlsPeer } from '../../transport/tls/credentials.js';
import type { ReasonMessage } from '../reason-message.js';

/** What a relay's main needs from its thread. */
export interface RelayMainHost {
  readonly machineType: string | undefined;
  readonly uuid: Uint8Array;
  readonly stallTimeout: number;
  warn(message: string): void;
  readonly pageSize: number;
  readonly signal: AbortSignal;
  configured(machineType: string): void;
  /** Outgoing main is connected and the blocks are known: returns when the outgoing channels are connected too. */
  connectChannels(blocks: readonly IncomingBlock[], to: HostAddresses | undefined): Promise<void>;
  /** All of the source's main was read: resolves when no pending connection can be one of its channels. */
  settled(): Promise<void>;
  failed(error: MultifdError): void;
  /** The main stream to the destination uses TLS. */
  secured(peer: TlsPeer): void;
  /** The destination gives a reason, or can give none any more. */
  heard(message: ReasonMessage): void;
}
